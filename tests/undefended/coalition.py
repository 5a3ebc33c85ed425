"""Partners: what they tell of themselves and of others, and what they are told."""

from tests.undefended.removals import removal

ATTEST = "fedicause/coalition/attest.py"
BOOK = "fedicause/coalition/book.py"
TALLY = "fedicause/tally.py"
TALLIES = "federation/tallies.py"
ROSTERS = "federation/rosters.py"
SIGNED = "federation/signed.py"
INQUIRE = "fedicause/coalition/inquire.py"
HOSTING = "fedicause/coalition/hosting.py"
JOINING = "fedicause/coalition/joining.py"
DEAL = "fedicause/coalition/deal.py"
MEMBERS = "storage/members.py"

_NO_PROOFS = (
    ATTEST,
    "    if await proofs.verify(document, key_for, now=now) != author:\n",
    "    if not document:\n",
)

ALL = [
    removal(
        "the author's own proof",
        "web/test_threats_liars: what_its_author_did_not_sign_as_it_is_moves_no_total;"
        "web/test_threats_rosters: a_forged_roster_changes_nothing;"
        "web/test_threats_evidence: what_is_no_evidence_harms_nobody",
        _NO_PROOFS,
    ),
    removal(
        "the proof is the author's, not somebody's",
        "web/test_threats_liars: what_its_author_did_not_sign_as_it_is_moves_no_total;"
        "web/test_threats_rosters: a_forged_roster_changes_nothing",
        (
            ATTEST,
            "    if await proofs.verify(document, key_for, now=now) != author:\n",
            "    if not await proofs.verify(document, key_for, now=now):\n",
        ),
    ),
    removal(
        "a tally's sums",
        "web/test_threats_liars: a_tally_against_the_rules_moves_no_total",
        (TALLIES, "    if sum(tally.countries.values()) != tally.signatures:\n", "    if False:\n"),
    ),
    removal(
        "endorsements are the origin's to count",
        "web/test_threats_liars: a_tally_against_the_rules_moves_no_total",
        (
            TALLIES,
            "    if tally.endorsements and not vocabulary.same_host(author, campaign):\n",
            "    if False:\n",
        ),
    ),
    removal(
        "no time ahead",
        "web/test_threats_liars: a_tally_against_the_rules_moves_no_total;"
        "web/test_threats_rosters: a_forged_roster_changes_nothing",
        (SIGNED, "    if at > now + CLOCKS_DIFFER:\n", "    if False:\n"),
    ),
    removal(
        "an id at home",
        "web/test_threats_liars: a_tally_against_the_rules_moves_no_total;"
        "web/test_threats_rosters: a_forged_roster_changes_nothing",
        (
            SIGNED,
            "    if vocabulary.host_of(identifier) != vocabulary.host_of(owner):\n",
            "    if False:\n",
        ),
    ),
    removal(
        "small countries are folded",
        "web/test_threats_liars: a_tally_against_the_rules_moves_no_total",
        (
            TALLIES,
            "        if signed.whole_of(count, country) < FOLD_BELOW and country != UNKNOWN:\n",
            "        if signed.whole_of(count, country) < 0:\n",
        ),
    ),
    removal(
        "the newest counts",
        "web/test_threats_liars: old_foreign_and_uninvited_tallies_move_no_total",
        (BOOK, "        if known is None or _order(tally) > _order(known):\n", "        if True:\n"),
    ),
    removal(
        "who is on the roster counts",
        "web/test_threats_liars: old_foreign_and_uninvited_tallies_move_no_total;"
        "web/test_threats_rosters: whoever_is_out_counts_no_more_whatever_it_tells",
        (
            BOOK,
            "        if self.roster is None or tally.author not in self.roster.members:\n",
            "        if self.roster is None:\n",
        ),
        (
            BOOK,
            "            author: self.heads[author] for author in members if author in self.heads and author not in liars\n",
            "            author: head for author, head in self.heads.items() if author not in liars\n",
        ),
    ),
    removal(
        "a tally counts by whoever's hand it comes",
        "web/test_threats_liars: a_true_tally_counts_by_whoevers_hand_it_comes",
        (
            "fedicause/receive.py",
            "            attested = await attest.embedded(activity, self.key_for, now=now)\n",
            "            attested = await attest.embedded(activity, self.key_for, now=now)\n"
            "            if isinstance(attested, Tally) and attested.author != activity.actor:\n"
            '                raise Refused("told by another")\n',
        ),
    ),
    removal(
        "two tallies of one version are kept and compared",
        "web/test_threats_liars: a_count_that_is_inflated_after_the_fact_is_seen_everywhere,"
        "who_tells_each_partner_another_count_is_caught_until_an_admin_lifts_it;"
        "web/test_threats_evidence: who_hides_its_key_from_a_new_partner_is_caught_there_too,"
        "who_comes_back_is_known_to_those_who_came_meanwhile;"
        "web/test_threats_rosters: an_origin_that_signs_two_rosters_of_one_version_is_shown_to_have",
        (BOOK, "        self.forks[version] = (known, heard)\n", ""),
    ),
    removal(
        "evidence is passed on",
        "web/test_threats_liars: who_tells_each_partner_another_count_is_caught_until_an_admin_lifts_it;"
        "web/test_threats_evidence: who_hides_its_key_from_a_new_partner_is_caught_there_too,"
        "who_comes_back_is_known_to_those_who_came_meanwhile",
        (INQUIRE, "            await self._ask_evidence(known, peer, found)\n", ""),
    ),
    removal(
        "tenfold within an hour is flagged",
        "web/test_threats_liars: a_tally_that_grows_tenfold_within_an_hour_is_flagged_at_every_partner",
        (TALLY, "    if row.signatures < most <= tally.signatures:\n", "    if False:\n"),
    ),
    removal(
        "evidence is of one version of one author",
        "web/test_threats_evidence: what_is_no_evidence_harms_nobody",
        (
            INQUIRE,
            "                if version == _version(pair[1]) and version not in known.forks:\n",
            "                if version not in known.forks:\n",
        ),
        (
            TALLY,
            '            same = version == Version("tally", other.author, other.epoch, other.version)\n',
            "            same = True\n",
        ),
    ),
    removal(
        "evidence differs in what it says",
        "web/test_threats_evidence: what_is_no_evidence_harms_nobody",
        (TALLY, " and proofs.covered(one.document) != proofs.covered(other.document):\n", ":\n"),
    ),
    removal(
        "evidence is about this campaign",
        "web/test_threats_evidence: what_is_no_evidence_harms_nobody",
        (
            TALLY,
            "        about_us = one.campaign == other.campaign == coalition.campaign_uri\n",
            "        about_us = True\n",
        ),
    ),
    removal(
        "so much evidence about one author",
        "web/test_threats_evidence: evidence_without_end_keeps_nobody_from_comparing",
        (TALLY, "        if standing[version.author] > EVIDENCE_KEPT:\n", "        if False:\n"),
    ),
    removal(
        "of more evidence than fits something about everybody",
        "web/test_threats_evidence: of_more_evidence_than_fits_something_of_everybody_is_shown",
        (
            "fedicause/web/coalition.py",
            "sorted(ranked, key=itemgetter(0, 1))",
            "sorted(ranked, key=itemgetter(1))",
        ),
    ),
    removal(
        "the keys of strangers are not asked for",
        "web/test_threats_evidence: nobody_is_asked_for_the_keys_of_strangers",
        (
            INQUIRE,
            "                if read.author in authors and not is_known:\n",
            "                if not is_known:\n",
        ),
        (
            INQUIRE,
            '                if one.get("attributedTo") not in authors:\n',
            "                if False:\n",
        ),
    ),
    removal(
        "the newest roster counts",
        "web/test_threats_rosters: a_forged_roster_changes_nothing",
        (BOOK, "        if known is None or roster.version > known.version:\n", "        if True:\n"),
    ),
    removal(
        "nobody is on a roster twice",
        "web/test_threats_rosters: a_forged_roster_changes_nothing",
        (ROSTERS, "    if len(set(members)) != len(members):\n", "    if False:\n"),
    ),
    removal(
        "an answer counts from whom was asked",
        "web/test_threats_rosters: only_the_campaign_says_who_has_joined_it",
        (
            JOINING,
            "    coalition = await coalitions.by_uri(session, campaign_uri)\n"
            "    uri = await roster.own_uri(session, here.urls)\n"
            "    member = await members.of(session, coalition.id, uri) if coalition else None\n"
            "    if coalition is None or member is None or member.request_uri != join_uri:\n",
            "    member = await members.by_request(session, join_uri)\n"
            "    coalition = await coalitions.by_id(session, member.coalition_id) if member else None\n"
            "    if coalition is None or member is None:\n",
        ),
    ),
    removal(
        "removals come from the campaign itself",
        "web/test_threats_rosters: nobody_is_removed_or_invited_by_strangers",
        (
            DEAL,
            "            await joining.removed(session, here, sender.uri)\n",
            '            await joining.removed(session, here, str(activity.target_id).replace("/campaigns/", "/actors/").removesuffix("/partners"))\n',
        ),
    ),
    removal(
        "invitations come from the campaign itself",
        "web/test_threats_rosters: nobody_is_removed_or_invited_by_strangers",
        (
            DEAL,
            '            if sender.type == "Group" and activity.target_id in (None, sender.uri) and activity.id:\n',
            "            if activity.id:\n",
        ),
    ),
    removal(
        "a partner is who asked to join, or said yes",
        "web/test_threats_rosters: nobody_becomes_a_partner_without_having_said_yes",
        (
            HOSTING,
            '        if uri == own and (known is None or known.state in ("left", "invited", "refused")):\n',
            "        if False:\n",
        ),
    ),
    removal(
        "so many wait for an answer",
        "web/test_threats_rosters: only_so_many_wait_for_an_answer",
        (
            MEMBERS,
            "    return waiting < MOST_WAITING and of_this_host < MOST_OF_A_HOST\n",
            "    return True\n",
        ),
    ),
    removal(
        "the key of the sketches is for those who are let in",
        "web/test_wire: nothing_personal_travels_or_is_logged",
        (
            "fedicause/partners.py",
            "document, [member.inbox])\n    if is_new:\n",
            "document, [e.inbox for e in await members.accepted(session, coalition.id) if e.inbox])\n"
            "    if is_new:\n",
        ),
    ),
    removal(
        "statements are logged without what they write",
        "web/test_wire: what_a_statement_is_given_is_in_no_log_and_in_no_error",
        (
            "storage/database.py",
            '        hide_parameters=True,\n    )\n    logging.getLogger("aiosqlite").setLevel(logging.INFO)\n',
            "    )\n",
        ),
    ),
    removal(
        "sketches are for partners",
        "web/test_sketches: a_sketch_is_for_partners_alone",
        ("fedicause/web/coalition.py", "    if not is_in:\n", "    if False:\n"),
    ),
    removal(
        "no sketches of few",
        "web/test_sketches: below_1000_signatures_there_is_no_sketch",
        ("federation/sketches.py", "FROM: Final = 1000\n", "FROM: Final = 10\n"),
    ),
]
