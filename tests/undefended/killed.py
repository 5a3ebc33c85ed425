"""Whatever is killed halfway, restarted, done by many processes at once, or cut off from its partners."""

from tests.undefended.removals import removal
from tests.undefended.setbacks import NO_NEW_EPOCH

BACKUP = "fedicause/backup.py"
SITE = "fedicause/web/site.py"
LEAVING = "fedicause/web/leaving.py"
CLAIMS = "storage/claims.py"
INQUIRE = "fedicause/coalition/inquire.py"
TRANSPORT = "federation/transport.py"

MANY = "faults/test_many_processes: many_processes_are_one_instance"

WORKERS = "faults/test_killed_workers: "

ALL = [
    removal(
        "whoever works next takes over what was in the hands of the killed, letters too",
        WORKERS + "a_worker_that_is_killed_beside_its_server_loses_nothing",
        (
            CLAIMS,
            "        update(_ROWS).where(_ROWS.c.lease_until.is_not(None)).values(lease_until=None, next_at=now)\n",
            "        update(_ROWS).where(_ROWS.c.id == -1).values(lease_until=None, next_at=now)\n",
        ),
    ),
    removal(
        "letters in the hands of the killed are taken over",
        WORKERS + "a_worker_that_is_killed_beside_its_server_loses_nothing",
        (
            "fedicause/letters/post.py",
            '    if instance.database.dialect == "sqlite":\n',
            "    if not instance:\n",
        ),
    ),
    removal(
        "taking fakes out moves the count in the same transaction",
        WORKERS + "fakes_that_were_half_taken_out_are_counted_right_and_can_all_be",
        (
            "fedicause/sign.py",
            '    moved = {country: -number for state, country, number in taken if state == "confirmed"}\n',
            "    await session.commit()\n"
            '    await __import__("asyncio").sleep(1)\n'
            '    moved = {country: -number for state, country, number in taken if state == "confirmed"}\n',
        ),
    ),
    removal(
        "a backup has its name when it is whole",
        "faults/test_killed_commands: a_backup_is_whole_or_is_not_there",
        (BACKUP, '        made = room / "backup.tar"\n', "        made = path\n"),
        (
            BACKUP,
            "        await asyncio.to_thread(_pack, made, backup, parts)\n",
            "        made.touch()\n"
            "        await asyncio.sleep(0.5)\n"
            "        made.unlink()\n"
            "        await asyncio.to_thread(_pack, made, backup, parts)\n",
        ),
    ),
    removal(
        "what a killed backup has left is cleared away",
        "faults/test_killed_commands: a_backup_is_whole_or_is_not_there",
        (BACKUP, "    _forget_rooms(path.parent)\n", ""),
    ),
    removal(
        "news and their delivery are one transaction",
        "faults/test_killed_commands: news_are_posted_to_all_or_to_nobody",
        (
            "fedicause/publish.py",
            "    note = await describe.update_note(session, urls, campaign, news)\n",
            "    await session.commit()\n"
            '    await __import__("asyncio").sleep(1)\n'
            "    note = await describe.update_note(session, urls, campaign, news)\n",
        ),
    ),
    removal(
        "no document stands beside files of another handover",
        "faults/test_killed_commands: a_handover_is_signed_only_when_all_of_it_is_there",
        (
            "fedicause/commands/handover.py",
            "        (directory / verbs.JSON_NAME).unlink(missing_ok=True)\n",
            "",
        ),
    ),
    removal(
        "the schema is changed in one transaction",
        "faults/test_killed_commands: the_schema_is_brought_up_to_date_or_left_as_it_was",
        (
            "storage/migrations/__init__.py",
            '        connection.exec_driver_sql("BEGIN IMMEDIATE")\n',
            "        return\n",
        ),
        (
            "storage/migrations/versions/0003_people.py",
            '        batch_op.create_index(batch_op.f("ix_audit_at"), ["at"], unique=False)\n',
            '        __import__("time").sleep(1.5)\n'
            '        batch_op.create_index(batch_op.f("ix_audit_at"), ["at"], unique=False)\n',
        ),
    ),
    removal(
        "requests under way are answered before the server goes",
        "faults/test_restarting: who_is_speaking_when_it_stops_is_heard_out",
        (SITE, "        await _leave(runner, sites)\n", ""),
    ),
    removal(
        "the last answer says that it is the last",
        "faults/test_restarting: no_request_is_lost_by_a_restart",
        (LEAVING, "        response.force_close()\n", ""),
        (LEAVING, '        response.headers["Connection"] = "close"\n', "        return\n"),
        (SITE, "        await _leave(runner, sites)\n", ""),
        (SITE, "GRACE: Final = 10.0\n", "GRACE: Final = 0.0\n"),
    ),
    removal(
        "processes tell each other of what they keep in memory",
        MANY,
        (
            "storage/notices.py",
            '    if batches.dialect_of(session) == "postgresql":\n',
            '    if name not in {"blocks", "actor"} and batches.dialect_of(session) == "postgresql":\n',
        ),
    ),
    removal(
        "what one process has in its hands no other one takes",
        MANY,
        (
            CLAIMS,
            "        .values(lease_until=_LEASE_UNTIL, next_at=_LEASE_UNTIL)\n",
            "        .values(lease_until=_LEASE_UNTIL)\n",
        ),
    ),
    removal(
        "work for all is done by whose turn it is",
        "test_turns: a_turn_is_kept_until_its_holder_stops_or_is_gone,"
        "what_goes_by_the_clock_is_done_once_for_all",
        (
            "fedicause/turns.py",
            "    if not await _is_ours(instance, turn, begun):\n        return\n",
            "    await _is_ours(instance, turn, begun)\n",
        ),
    ),
    removal(
        "of those who write one register together, one waits, or begins again",
        "test_hearing_together: counts_agree_with_what_was_said_to_whom",
        ("storage/registers.py", "        if added != len(new):\n", "        if added is None:\n"),
        (
            "storage/counts.py",
            "        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared\n",
            "        lock = func.pg_advisory_xact_lock_shared\n",
        ),
    ),
    removal(
        "a wave is counted over all processes",
        "test_hearing_together: a_wave_is_held_at_the_same_number",
        (
            "fedicause/sign.py",
            "    seen = {host: number - more[host] for host, number in counted.items()}\n",
            "    seen = dict.fromkeys(counted, 0)\n",
        ),
    ),
    removal(
        "limits are of all processes together",
        MANY,
        (
            "fedicause/meter.py",
            "    used_until = await meters.locked(session, keys)\n",
            "    used_until = dict[str, int]()\n",
        ),
    ),
    removal(
        "a parked request that was in somebody's hands is free at the next start",
        "faults/test_kill_while_receiving: a_parked_like_outlives_two_kills",
        (
            "storage/parked.py",
            "    await session.execute(update(ParkedRequest).values(lease_until=None))\n",
            "    await session.execute(update(ParkedRequest).where(ParkedRequest.id < 0).values(lease_until=None))\n",
        ),
    ),
    removal(
        "every delivery is in one pair of hands",
        "faults/test_kill_while_delivering: only_what_was_in_hand_at_a_kill_comes_twice",
        (
            CLAIMS,
            "        .values(lease_until=_LEASE_UNTIL, next_at=_LEASE_UNTIL)\n",
            "        .values(lease_until=_LEASE_UNTIL)\n",
        ),
    ),
    removal(
        "an inbox hears one thing after the other",
        "faults/test_kill_while_delivering: news_come_in_the_order_in_which_they_were_posted",
        (
            CLAIMS,
            "    heads = select(oldest).select_from(waiting).where(armed_at.is_(None))\n",
            "    heads = select(first.c.id).where(_is_waiting(first))\n",
        ),
    ),
    removal(
        "partners ask each other for what they know",
        "faults/test_coalition_convergence: partners_agree_without_the_origin",
        (
            INQUIRE,
            "        items, _ = tallies.read_collection(document.data)\n",
            "        items: list[dict[str, Any]] = []\n",
        ),
    ),
    removal(
        "nothing is waited for without end where all that is said vanishes",
        "faults/test_network_cut: whoever_was_cut_off_hears_everything_when_the_way_is_free",
        (
            TRANSPORT,
            "        async with asyncio.timeout(total):\n",
            "        async with asyncio.timeout(None):\n",
        ),
        (
            TRANSPORT,
            "            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),\n",
            "            timeout=aiohttp.ClientTimeout(total=None),\n",
        ),
    ),
    removal(
        "what could not be delivered is tried again",
        "faults/test_network_cut: whoever_was_cut_off_hears_everything_when_the_way_is_free",
        (
            "fedicause/fediverse/judge.py",
            "        or age >= GIVEN_UP_AFTER\n",
            "        or result.is_failure_of_host\n",
        ),
    ),
    removal(
        "whose database was restored begins an epoch",
        "faults/test_coalition_convergence: whose_database_was_restored_is_no_liar,"
        "whose_database_was_restored_speaks_in_a_new_epoch;"
        "faults/test_remembered_by_a_newer_partner: "
        "who_is_restored_from_before_another_joined_does_not_say_one_thing_twice",
        *NO_NEW_EPOCH,
    ),
]
