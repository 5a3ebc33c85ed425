"""Where we may be sent by others, how much of anything we take, and how few keep the many waiting."""

from tests.undefended.removals import removal

TRANSPORT = "federation/transport.py"
REMOTE = "federation/remote.py"
RECOGNISE = "fedicause/fediverse/recognise.py"
FAILURES = "fedicause/fediverse/failures.py"
STRICTJSON = "federation/strictjson.py"
ADDRESSES = "federation/addresses.py"
INBOX = "fedicause/web/inbox.py"
PARKED = "storage/parked.py"

# The tests dial by what they are given, which asks for the address as `addresses.dial` does.
_ANY_ADDRESS = (
    ADDRESSES,
    "    try:\n        ip = ipaddress.ip_address(address)\n",
    "    return True\n    try:\n        ip = ipaddress.ip_address(address)\n",
)

ALL = [
    removal(
        "the address is looked at when it is dialled",
        "web/test_threats_network: a_name_of_a_special_address_is_never_asked,"
        "a_special_address_in_a_key_id_is_never_asked,"
        "of_a_name_with_a_public_and_a_private_address_the_private_one_is_never_dialled,"
        "a_redirect_into_our_own_network_is_not_followed;"
        "federation/test_forbidden_addresses: a_name_of_a_special_address_is_refused,"
        "a_special_address_in_a_url_is_refused,of_several_addresses_only_the_public_one_is_dialled,"
        "several_special_addresses_are_refused_as_one_is,"
        "a_redirect_to_a_name_of_a_private_address_is_refused,a_redirect_is_checked_like_every_url,"
        "an_id_is_checked_like_every_url,a_page_of_a_collection_is_checked_like_every_url;"
        "web/test_crm: no_inner_network_is_told_anything",
        _ANY_ADDRESS,
    ),
    removal(
        "no URL but https in public (a key's id, and wherever a redirect leads)",
        "web/test_threats_network: a_key_id_that_is_no_public_https_address_is_refused;"
        "federation/test_forbidden_addresses: only_plain_https_urls_are_asked",
        (
            TRANSPORT,
            '    if parsed.scheme != "https" and not (allow_private and parsed.scheme == "http"):\n',
            '    if parsed.scheme not in ("https", "http"):\n',
        ),
        _ANY_ADDRESS,
    ),
    removal(
        "one host for every parser",
        "federation/test_forbidden_addresses: only_plain_https_urls_are_asked,"
        "what_is_asked_has_one_host_for_every_parser",
        (
            "federation/vocabulary.py",
            '_UNSAFE = re.compile(r"[\\x00-\\x20\\x7f\\\\]")\n',
            '_UNSAFE = re.compile(r"[\\x00]")\n',
        ),
        (
            "federation/vocabulary.py",
            '_HOST_PORT = re.compile(r"(\\[[0-9A-Fa-f:.]+\\]|[^\\[\\]:@%]+)(?::([0-9]{1,5}))?")\n',
            '_HOST_PORT = re.compile(r"(?:[^@]*@)?(\\[[0-9A-Fa-f:.]+\\]|[^\\[\\]:@%]+)(?::([0-9]{1,5}))?")\n',
        ),
    ),
    removal(
        "certificates are checked",
        "federation/test_forbidden_addresses: a_certificate_of_another_name_is_refused",
        (TRANSPORT, "                ssl=True if ssl is None else ssl,\n", "                ssl=False,\n"),
    ),
    removal(
        "no step down from https to http",
        "federation/test_forbidden_addresses: a_redirect_from_https_to_http_is_refused_in_dev_mode_too",
        (
            TRANSPORT,
            '        if address.url.scheme == "https" and following.url.scheme != "https":\n',
            "        if False:\n",
        ),
    ),
    removal(
        "redirects end",
        "web/test_threats_network: redirects_without_end_are_given_up",
        (REMOTE, "REDIRECTS: Final = 3\n", "REDIRECTS: Final = 30\n"),
        (RECOGNISE, "FETCHES = 4\n", "FETCHES = 40\n"),
    ),
    removal(
        "a redirect is asked with a signature of its own",
        "web/test_threats_network: a_redirect_is_followed_with_a_signature_of_its_own",
        (
            REMOTE,
            "            address = following\n        raise Unusable",
            "            address = following\n            wanted = wanted._replace(key=None)\n        raise Unusable",
        ),
    ),
    removal(
        "ActivityPub media types alone make a document",
        "web/test_threats_network: only_activitypub_media_types_make_a_document",
        (
            "federation/answers.py",
            "    if len(content_types) != 1:\n        return False\n    kind =",
            "    return True\n    kind =",
        ),
    ),
    removal(
        "JSON no deeper than 32",
        "web/test_threats_bombs: json_that_parsers_read_differently_is_no_activity,"
        "an_actor_document_obeys_the_limits_of_a_request",
        (STRICTJSON, "MAX_DEPTH: Final = 32\n", "MAX_DEPTH: Final = 500_000\n"),
    ),
    removal(
        "no key twice",
        "web/test_threats_bombs: json_that_parsers_read_differently_is_no_activity",
        (STRICTJSON, "    if len(found) != len(pairs):\n", "    if False:\n"),
    ),
    removal(
        "strings that every database can store",
        "web/test_threats_bombs: json_that_parsers_read_differently_is_no_activity",
        (
            STRICTJSON,
            '    if b"\\\\u" in body and _SUSPECT.search(body) and not _storable(document):\n',
            "    if False:\n",
        ),
    ),
    removal(
        "a mebibyte of body, with its length told or not",
        "web/test_threats_bombs: more_than_a_mebibyte_is_too_large",
        ("fedicause/app.py", "client_max_size=inbox.MOST_BYTES", "client_max_size=0"),
        (STRICTJSON, "    if len(body) > MAX_BYTES:\n", "    if False:\n"),
    ),
    removal(
        "no packed requests",
        "web/test_threats_bombs: a_packed_body_is_not_unpacked",
        (
            INBOX,
            '    if headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":\n',
            "    if False:\n",
        ),
    ),
    removal(
        "the name of a key is text",
        "web/test_threats_bombs: bytes_that_are_no_text_in_headers_are_refused",
        ("federation/httpsig/cavage.py", " or not messages.is_text(key_id):\n", ":\n"),
    ),
    removal(
        "signature headers of an end",
        "web/test_threats_bombs: a_header_without_end_is_refused",
        (
            "federation/httpsig/cavage.py",
            "        if match is None or len(found) == _PARAMETERS:\n",
            "        if match is None:\n",
        ),
    ),
    removal(
        "a mebibyte of document, unpacked",
        "web/test_threats_bombs: of_an_actor_document_without_end_little_is_read",
        (TRANSPORT, "        if len(body) > limit:\n", "        if False:\n"),
    ),
    removal(
        "the types of an actor are looked at before they are looked up",
        "web/test_threats_bombs: an_actor_of_another_shape_is_none_and_no_failure_of_ours",
        (
            RECOGNISE,
            '    listed = [kind for kind in vocabulary.as_list(document.get("type")) if isinstance(kind, str)]\n',
            '    listed = vocabulary.as_list(document.get("type"))\n',
        ),
    ),
    removal(
        "what actors say of themselves is cut short",
        "web/test_threats_bombs: what_an_actor_says_of_itself_is_cut_short",
        (
            RECOGNISE,
            '    return " ".join(content.plain(value).split())[:most]',
            '    return " ".join(content.plain(value).split())',
        ),
    ),
    removal(
        "a proof value is as long as a signature, before it is decoded and after",
        "federation/test_proofs: a_proof_value_that_is_no_signature_is_refused",
        (
            "federation/multibase.py",
            "    if not isinstance(text, str) or len(text) > 2 + size * 1.4:\n",
            "    if not isinstance(text, str):\n",
        ),
        ("federation/multibase.py", "    if len(data) != size:\n", "    if False:\n"),
    ),
    removal(
        "a name is looked up once: what was checked is dialled",
        "federation/test_forbidden_addresses: a_name_that_turns_private_after_the_check_is_not_followed_there",
        (
            TRANSPORT,
            "        return await self._session.request(\n",
            "        connector = self._session.connector\n"
            "        await connector._resolve_host(str(address.url.raw_host), 443)\n"
            "        connector.clear_dns_cache()\n"
            "        return await self._session.request(\n",
        ),
    ),
    removal(
        "a collection ends by its pages",
        "federation/test_origins: a_collection_without_end_ends,embedded_pages_without_end_end",
        (REMOTE, "        for _ in range(pages + 1):\n", "        for _ in range(5_000):\n"),
        (REMOTE, " and len(seen) < pages:\n", ":\n"),
    ),
    removal(
        "three seconds for a key, then it is not waited for",
        "web/test_threats_floods: a_key_that_comes_by_drops_is_not_waited_for_and_its_like_counts_later",
        (
            RECOGNISE,
            "            return await asyncio.wait_for(asyncio.shield(task), self._wait)\n",
            "            return await asyncio.shield(task)\n",
        ),
    ),
    removal(
        "what can't be verified now is parked",
        "web/test_threats_floods: a_like_from_a_server_that_is_down_counts_once_that_is_up",
        (
            RECOGNISE,
            '            pending = httpsig.KeyPending(f"the key\'s server: {error}")\n',
            '            pending = httpsig.Forged(f"the key\'s server: {error}")\n',
        ),
    ),
    removal(
        "so much room for what is parked",
        "web/test_threats_floods: there_is_only_so_much_room_for_what_is_parked",
        (PARKED, "    if total >= MOST or of_host >= MOST_OF_A_HOST or", "    if total >= MOST or"),
    ),
    removal(
        "blocked since it came",
        "web/test_threats_floods: whoever_is_blocked_meanwhile_is_not_heard_later",
        (
            "fedicause/receive.py",
            '        if self._is_blocked(activity.actor):\n            raise Refused("blocked since it came")\n',
            "",
        ),
    ),
    removal(
        "a host whose keys fail is left alone",
        "web/test_threats_floods: hundreds_of_bogus_keys_cause_few_fetches",
        (FAILURES, "        if times and len(times) == OF_A_HOST and", "        if False and"),
    ),
    removal(
        "a key that failed is not asked for again",
        "web/test_threats_floods: one_bogus_key_is_asked_for_once",
        (
            FAILURES,
            "        if failed and timedelta(0) < failed[0] - self._now() <= self._not_again_for:\n",
            "        if False:\n",
        ),
    ),
    removal(
        "one fetch at a time for a key",
        "web/test_threats_floods: many_requests_of_one_new_key_fetch_it_once",
        (RECOGNISE, "        task = self._fetching.get(key_id)\n", "        task = None\n"),
    ),
    removal(
        "a known key is asked for again once a minute at most",
        "web/test_threats_floods: bad_signatures_in_bobs_name_make_us_ask_for_his_key_once_in_a_while",
        (
            RECOGNISE,
            "        if entry.fetched_at is None or abs(self._now() - entry.fetched_at) > FRESH_FOR:\n",
            "        if True:\n",
        ),
    ),
    removal(
        "failures are remembered without the requests that met them",
        "web/test_threats_floods: what_was_refused_is_not_kept_in_memory",
        (FAILURES, "(until, type(error)(*error.args))", "(until, error)"),
        (FAILURES, "            raise type(failed[1])(*failed[1].args)\n", "            raise failed[1]\n"),
    ),
    removal(
        "first endorsements above a host's wave are held",
        "web/test_threats_waves: a_wave_from_many_hosts_is_held_swept_out_and_recounted,"
        "what_is_held_counts_when_a_moderator_lets_it,the_next_hour_is_another_one,"
        "moving_does_not_make_a_held_endorsement_count",
        ("fedicause/sign.py", "        if seen[host] > wave:\n", "        if False:\n"),
    ),
    removal(
        "what is held stays where it is when somebody moves",
        "web/test_threats_waves: moving_does_not_make_a_held_endorsement_count",
        ("fedicause/sign.py", " and stand.present and not stand.held:\n", " and stand.present:\n"),
    ),
    removal(
        "a wave is of an hour",
        "web/test_threats_waves: the_next_hour_is_another_one",
        ("fedicause/sign.py", "to_milliseconds(now) // 3_600_000)", "0)"),
    ),
    removal(
        "blocked actors, hosts and what is below them",
        "web/test_threats_waves: a_blocked_host_and_its_subdomains_are_not_heard,"
        "one_blocked_actor_does_not_silence_the_neighbours,"
        "a_wave_from_many_hosts_is_held_swept_out_and_recounted",
        (
            "fedicause/receive.py",
            '        if self._is_blocked(activity.actor):\n            raise Blocked("blocked")\n',
            "",
        ),
    ),
    removal(
        "each host has so many deliveries at a time",
        "web/test_threats_queue: a_host_that_answers_nothing_for_long_keeps_nobody_waiting",
        ("storage/claims.py", "        .where(ranked.c.place <= ranked.c.room)\n", ""),
        ("storage/claims.py", "        .limit(_PER_HOST)\n", "        .limit(1000)\n"),
        (
            "fedicause/fediverse/deliver.py",
            "asyncio.Semaphore(IN_FLIGHT_PER_HOST)",
            "asyncio.Semaphore(1000)",
        ),
    ),
]
