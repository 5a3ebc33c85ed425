"""Crashes, old backups, damaged ones; and campaigns elsewhere that lie."""

from tests.undefended.removals import removal

VISIT = "fedicause/coalition/visit.py"
COMPARE = "fedicause/coalition/compare.py"
BACKUP = "fedicause/backup.py"
COMMIT = "fedicause/group_commit.py"

# Going on from a backup as if nothing had been said since.
NO_NEW_EPOCH = (
    (
        COMPARE,
        "            coalition_id: None if coalition_id in self._sure else await self._learn(coalition_id, own_uri)\n",
        "            coalition_id: None\n",
    ),
    (COMPARE, "        if heard.overtaken is not None:\n", "        if False:\n"),
    ("fedicause/coalition/deal.py", "    if heard.overtaken is not None:\n", "    if False:\n"),
)

ALL = [
    removal(
        "nothing is answered before it is committed",
        "faults/test_kill_while_receiving: the_last_word_that_got_a_202_stands",
        (
            COMMIT,
            "            results = await self._apply_all([change for change, _, _ in group])\n",
            "            self._group = group\n"
            "            results = await self._apply_all([change for change, _, _ in group])\n",
        ),
        (
            COMMIT,
            "                    return await self._apply(session, changes)\n",
            "                    results = await self._apply(session, changes)\n"
            "                    for (_, future, _), result in zip(self._group, results, strict=True):\n"
            "                        if not future.done():\n"
            "                            future.set_result(result)\n"
            "                    await asyncio.sleep(0.3)\n"
            "                    return results\n",
        ),
    ),
    removal(
        "whoever starts takes over what was in hand",
        "faults/test_kill_while_delivering: every_living_inbox_hears_all_news",
        (
            "storage/claims.py",
            "        update(_ROWS).where(_ROWS.c.lease_until.is_not(None)).values(lease_until=None, next_at=now)\n",
            "        update(_ROWS).where(_ROWS.c.id == -1).values(lease_until=None, next_at=now)\n",
        ),
    ),
    removal(
        "after a start peers are asked for our newest tally, and hearing of one begins an epoch",
        "web/test_restored: a_partner_goes_on_from_an_old_backup_in_a_new_epoch,"
        "a_partner_from_a_backup_hears_of_it_though_nothing_is_new,"
        "a_partner_that_can_ask_nobody_passes_over_what_they_may_know",
        *NO_NEW_EPOCH,
    ),
    removal(
        "an origin takes up the roster that its partners know",
        "web/test_restored: an_origin_from_before_its_partners_takes_up_their_roster",
        (
            COMPARE,
            "                    await partners.restore_roster(session, here, coalition, signed)\n",
            "                    pass\n",
        ),
    ),
    removal(
        "each part of a backup by its hash, and the database by its own check",
        "test_cli_backup: what_is_damaged_is_refused_and_leaves_nothing",
        (BACKUP, "                if _digest(directory / name) != digest:\n", "                if False:\n"),
        (
            BACKUP,
            "    if _DATABASE not in backup.parts or not copying.is_sound(directory / _DATABASE):\n",
            "    if _DATABASE not in backup.parts:\n",
        ),
    ),
    removal(
        "nothing is overwritten",
        "test_cli_backup: nothing_is_overwritten",
        (BACKUP, "    if path.exists():\n", "    if False:\n"),
    ),
    removal(
        "text of other campaigns is cleaned",
        "web/test_threats_campaigns: markup_of_strangers_is_cleaned",
        (
            "fedicause/coalition/transcribe.py",
            "            cleaned = content.clean(words)\n",
            "            cleaned = words\n",
        ),
    ),
    removal(
        "a call is a public Note of its campaign",
        "web/test_threats_campaigns: a_note_that_is_no_public_call_is_refused",
        (
            VISIT,
            '    if not _is_a(note, NOTES) or author(note) != actor["id"] or not is_public:\n',
            "    if False:\n",
        ),
    ),
    removal(
        "a campaign is run from one server",
        "web/test_threats_campaigns: nobody_runs_a_campaign_in_the_name_of_somebody_elses_organisation,"
        "nobody_takes_over_the_note_of_another_campaign",
        (VISIT, '    if not vocabulary.same_host(uri, str(of["id"])):\n', "    if False:\n"),
    ),
    removal(
        "a name of a server is one campaign's",
        "web/test_threats_campaigns: two_campaigns_of_one_name_at_one_origin_stay_apart",
        (
            "fedicause/coalition/mirror.py",
            "        if other is not None and other.actor_uri != copy.actor_uri:\n",
            "        if False:\n",
        ),
    ),
    removal(
        "a picture that is none is left out",
        "web/test_threats_campaigns: a_picture_that_is_none_is_left_out",
        (
            VISIT,
            "    except (RemoteError, pictures.Unusable) as error:\n",
            "    except ZeroDivisionError as error:\n",
        ),
    ),
    removal(
        "pictures have so many pixels",
        "web/test_threats_campaigns: a_picture_of_too_many_pixels_is_not_drawn",
        (VISIT, "PIXELS: Final = 25_000_000\n", "PIXELS: Final = 80_000_000\n"),
    ),
]
