"""Signatures of requests, their time, their keys, and what a signer may speak about."""

from tests.undefended.removals import removal

CAVAGE = "federation/httpsig/cavage.py"
RFC9421 = "federation/httpsig/rfc9421.py"
RECOGNISE = "fedicause/fediverse/recognise.py"
RECEIVE = "fedicause/receive.py"
RECORD = "fedicause/fediverse/record.py"
ACTIVITIES = "federation/activities.py"
KEYS = "federation/keys.py"
REMOTE = "federation/remote.py"

ALL = [
    removal(
        "the signature itself",
        "web/test_threats_forgery: a_like_without_a_readable_signature_is_refused;"
        "web/test_threats_floods: what_is_parked_is_verified_like_everything_else,"
        "bad_signatures_in_bobs_name_make_us_ask_for_his_key_once_in_a_while",
        ("federation/httpsig/__init__.py", "    return claim.fits(key.public)\n", "    return True\n"),
    ),
    removal(
        "no parameter of a signature twice",
        "web/test_threats_forgery: a_like_without_a_readable_signature_is_refused",
        (CAVAGE, "        if name in found:\n", "        if False:\n"),
    ),
    removal(
        "no falling back from RFC 9421 to the other scheme",
        "web/test_threats_forgery: a_like_without_a_readable_signature_is_refused",
        (
            "federation/httpsig/__init__.py",
            '    if "signature-input" in headers:\n',
            '    if "sig1=:" in headers.get("signature", ""):\n',
        ),
    ),
    removal(
        "known algorithms only (asked for in the header, and again where they meet the key)",
        "web/test_threats_forgery: unknown_algorithms_are_refused",
        (CAVAGE, '    if parameters.get("algorithm") not in _KNOWN:\n', "    if False:\n"),
        (
            CAVAGE,
            "    if algorithm not in (_FOR_RSA if keys.is_rsa(public) else _FOR_ED25519):\n",
            "    if False:\n",
        ),
    ),
    removal(
        "known algorithms only, of RFC 9421",
        "web/test_threats_forgery: unknown_algorithms_are_refused",
        (
            RFC9421,
            "    if not isinstance(algorithm, str | None) or algorithm not in _ALGORITHMS:\n",
            "    if False:\n",
        ),
        (
            RFC9421,
            "    try:\n        verifier.verify(message, max_age=None)\n",
            "    return True\n    try:\n        verifier.verify(message, max_age=None)\n",
        ),
    ),
    removal(
        "RSA of at least 2,048 bits",
        "web/test_threats_forgery: rsa_keys_under_2048_bits_are_refused",
        (
            KEYS,
            "    return is_rsa(key) and key.key_size < RSA_BITS\n",
            "    return False\n",
        ),
    ),
    removal(
        "what a signature must cover",
        "web/test_threats_forgery: a_signature_that_covers_too_little_is_refused",
        (CAVAGE, "    _check_coverage(covered, is_read=is_read)\n", ""),
    ),
    removal(
        "what an RFC 9421 signature must cover",
        "web/test_threats_forgery: an_rfc_9421_signature_that_covers_too_little_is_refused",
        (
            RFC9421,
            "            _check_coverage(components, request)\n            signed_at",
            "            signed_at",
        ),
    ),
    removal(
        "signed for our host",
        "web/test_threats_forgery: a_request_that_was_signed_for_another_place_is_refused",
        (CAVAGE, '    _check_host(headers.get("host", ""), base_url)\n', ""),
    ),
    removal(
        "signed for this address, its query too, by RFC 9421",
        "web/test_threats_forgery: a_request_that_was_signed_for_another_place_is_refused",
        (RFC9421, '{authority}{request.target}"', "{authority}{request.target.partition('?')[0]}\""),
    ),
    removal(
        "the body is hashed",
        "web/test_threats_forgery: a_swapped_body_is_refused",
        (CAVAGE, '        digests.check_digest(headers["digest"], request.body)\n', "        pass\n"),
    ),
    removal(
        "one digest",
        "web/test_threats_forgery: a_swapped_body_is_refused",
        ("federation/httpsig/digests.py", "    if len(named) != 1:\n", "    if not named:\n"),
    ),
    removal(
        "the body is hashed, by RFC 9421",
        "web/test_threats_forgery: a_swapped_body_is_refused_under_rfc_9421_too",
        (
            RFC9421,
            '        _check_content_digest(headers["content-digest"], request.body)\n',
            "        pass\n",
        ),
    ),
    removal(
        "signatures that are remembered",
        "web/test_threats_replay: a_request_counts_once,"
        "of_the_same_request_sent_many_times_at_once_one_is_taken;"
        "web/test_threats_bombs: more_than_a_mebibyte_is_too_large",
        (
            RECORD,
            "    known = await seen.add(session, [each.fingerprint for each in arrivals], now + SEEN_FOR)\n",
            "    known = set()\n",
        ),
        (RECORD, "            known.add(arrival.fingerprint)\n", ""),
    ),
    removal(
        "signatures that are remembered for longer than they are in time",
        "web/test_threats_replay: a_signature_is_remembered_for_as_long_as_it_is_in_time",
        (RECORD, "SEEN_FOR = timedelta(hours=4)\n", "SEEN_FOR = timedelta(hours=1)\n"),
    ),
    removal(
        "an hour of window",
        "web/test_threats_replay: what_was_signed_too_early_or_too_late_is_refused",
        ("federation/httpsig/messages.py", "    if abs(now - signed_at) > window:\n", "    if False:\n"),
    ),
    removal(
        "expiry",
        "web/test_threats_replay: what_was_signed_too_early_or_too_late_is_refused",
        (
            "federation/httpsig/messages.py",
            "    if expires_at is not None and expires_at < now:\n",
            "    if False:\n",
        ),
    ),
    removal(
        "the time that is signed is the time",
        "web/test_threats_replay: a_time_that_is_not_signed_is_none",
        (
            CAVAGE,
            '    if "(created)" in covered:\n',
            '    if "(created)" in covered and "date" not in headers:\n',
        ),
    ),
    removal(
        "signer = actor",
        "web/test_threats_keys: nobody_signs_for_somebody_else",
        (RECEIVE, "        if signer.actor != activity.actor:\n", "        if False:\n"),
    ),
    removal(
        "one actor",
        "web/test_threats_keys: two_actors_in_one_activity_are_nobody",
        (
            ACTIVITIES,
            '    actor = id_of(document.get("actor"))\n',
            '    actor = id_of(next(iter(as_list(document.get("actor"))), None))\n',
        ),
    ),
    removal(
        "a document's id is on the host that served it; and a key's on its owner's",
        "web/test_threats_keys: an_actor_document_that_claims_somebody_elses_id_gives_no_key",
        (
            REMOTE,
            "            if relayed or self._on_one_host(uri, document.url):\n",
            "            if uri:\n",
        ),
        (
            KEYS,
            "            if not isinstance(key_id, str) or vocabulary.host_of(key_id) != host:\n",
            "            if not isinstance(key_id, str):\n",
        ),
    ),
    removal(
        "the owner of a key is on its host",
        "web/test_threats_keys: a_key_document_whose_owner_is_on_another_host_gives_no_key",
        (
            RECOGNISE,
            "            if owner is not None and vocabulary.same_host(owner, key_id):\n",
            "            if owner is not None:\n",
        ),
    ),
    removal(
        "the owner knows the key",
        "web/test_threats_keys: an_owner_who_does_not_know_the_key_does_not_own_it",
        (
            RECOGNISE,
            "        if all(key.id != key_id for key in _keys_of(document))",
            "        first = document\n        if all(key.id != key_id for key in _keys_of(document))",
        ),
        (
            RECOGNISE,
            '            raise httpsig.Forged("the owner does not know this key")\n',
            '            pem = (first.get("publicKey") or first)["publicKeyPem"]\n'
            '            key = keys.Key(key_id, document["id"], keys.load_public(pem))\n',
        ),
    ),
    removal(
        "the key says whose it is",
        "web/test_threats_keys: a_key_that_its_document_does_not_own_is_none",
        (
            KEYS,
            "        if not isinstance(entry, dict) or entry.get(owned_by) != owner:\n",
            "        if not isinstance(entry, dict):\n",
        ),
    ),
    removal(
        "a key is on its owner's host",
        "web/test_threats_keys: nobody_claims_somebody_elses_key_as_one_of_hers",
        (
            KEYS,
            "            if not isinstance(key_id, str) or vocabulary.host_of(key_id) != host:\n",
            "            if not isinstance(key_id, str):\n",
        ),
    ),
    removal(
        "the key of a signature that does not fit is asked for again",
        "web/test_threats_keys: a_new_key_is_fetched_once_and_the_old_one_is_worth_nothing_then",
        (
            "federation/httpsig/__init__.py",
            "        fresh = await key_for(claim.key_id, fresh=True)\n",
            "        fresh = key\n",
        ),
    ),
    removal(
        "a new key takes the old one's place",
        "web/test_threats_keys: a_key_is_withdrawn_with_an_update_of_the_profile,"
        "a_new_key_is_fetched_once_and_the_old_one_is_worth_nothing_then",
        (
            "federation/httpsig/__init__.py",
            "_WINDOW = timedelta(hours=1)\n",
            "_WINDOW = timedelta(hours=1)\n_EVER = {}\n",
        ),
        (
            "federation/httpsig/__init__.py",
            "    key = await key_for(claim.key_id, fresh=False)\n",
            "    _EVER.setdefault(claim.key_id, []).append(await key_for(claim.key_id, fresh=False))\n"
            "    ever = _EVER[claim.key_id]\n"
            "    key = next((each for each in ever if _signed_by(claim, each)), ever[-1])\n",
        ),
    ),
    removal(
        "nobody is undone but by themselves, and an Undo by id finds the actor's own alone",
        "web/test_threats_origins: nobody_takes_back_what_somebody_else_said",
        (ACTIVITIES, "        if undone.actor != self.actor:\n", "        if False:\n"),
    ),
    removal(
        "a reply is its author's to delete",
        "web/test_threats_origins: nobody_takes_back_what_somebody_else_said",
        (
            "storage/testimonies.py",
            "        .where(Testimony.note_uri == note_uri, Testimony.actor_id == actor_id)\n",
            "        .where(Testimony.note_uri == note_uri)\n",
        ),
    ),
    removal(
        "an embedded object is its author's to write: the author, and the host of its id",
        "web/test_threats_origins: nobody_writes_under_somebody_elses_name",
        (ACTIVITIES, "        if authors and self.actor not in authors:\n", "        if False:\n"),
        (
            ACTIVITIES,
            "        return self.object if isinstance(uri, str) and vocabulary.same_host(uri, self.actor) else None\n",
            "        return self.object\n",
        ),
    ),
    removal(
        "a reply is its author's to write: as the object says, and as it was kept",
        "web/test_threats_origins: neighbours_on_one_server_do_not_write_in_each_others_name",
        (ACTIVITIES, "        if authors and self.actor not in authors:\n", "        if False:\n"),
        ("storage/testimonies.py", "    if row.actor_id != actor_id or signed_at", "    if signed_at"),
    ),
    removal(
        "an actor is described by its own host, and keys are on it",
        "web/test_threats_origins: nobody_describes_somebody_else_in_place_of_herself",
        (
            REMOTE,
            "            if relayed or self._on_one_host(uri, document.url):\n",
            "            if uri:\n",
        ),
    ),
    removal(
        "an activity's id is on its actor's host",
        "web/test_threats_origins: an_activity_with_an_id_on_another_host_is_refused",
        (RECEIVE, "        if activity.has_foreign_id():\n", "        if False:\n"),
    ),
    removal(
        "what is embedded is not heard for itself",
        "web/test_threats_origins: an_embedded_activity_of_somebody_else_is_not_heard",
        (
            RECEIVE,
            "        meaning = interpret.read(activity, self._instance.urls)\n",
            '        if activity.object and "actor" in activity.object:\n'
            "            activity = activities.read(activity.object)\n"
            "        meaning = interpret.read(activity, self._instance.urls)\n",
        ),
    ),
    removal(
        "signatures inside of documents let nobody speak for others",
        "web/test_threats_origins: signatures_inside_of_documents_are_ignored_and_never_trusted",
        (
            RECEIVE,
            "        if signer.actor != activity.actor:\n",
            '        if signer.actor != activity.actor and "signature" not in activity.document:\n',
        ),
    ),
    removal(
        "a move is confirmed by the new account",
        "web/test_dialects: whoever_moves_endorses_once",
        (
            RECEIVE,
            '            if old in [vocabulary.id_of(each) for each in vocabulary.as_list(document.get("alsoKnownAs"))]:\n',
            "            if document:\n",
        ),
    ),
]
