"""Disks without room, databases away, slow clients and wrong clocks."""

from tests.undefended.removals import removal

INBOX = "fedicause/web/inbox.py"
DATABASE = "storage/database.py"
PATIENCE = "fedicause/web/patience.py"
CLOCKS = "storage/clocks.py"
WORK = "fedicause/work.py"

AWAY = "faults/test_database_away: while_it_is_away_what_can_be_done_is_done"

ALL = [
    removal(
        "what finds no room is told to come again",
        "faults/test_full_disk: what_is_taken_is_kept_and_the_rest_is_told_to_come_again",
        (
            INBOX,
            "        if not absence.is_away(error) and not absence.is_full(error):\n",
            "        if not absence.is_away(error):\n",
        ),
    ),
    removal(
        "whoever is not ready for want of room says so",
        "faults/test_full_disk: what_is_taken_is_kept_and_the_rest_is_told_to_come_again",
        (
            "fedicause/web/operating.py",
            "            if found.f_bavail * found.f_frsize < LEAST_ROOM:\n",
            "            if found.f_bavail < 0:\n",
        ),
    ),
    removal(
        "half a file is taken away again",
        "faults/test_full_disk: letters_wait_for_room",
        (
            "fedicause/files.py",
            "        part.unlink(missing_ok=True)\n        raise\n",
            "        raise\n",
        ),
    ),
    removal(
        "commands say that there is no room",
        "faults/test_full_disk: commands_say_so_and_leave_nothing_half_done",
        ("fedicause/cli.py", "            if not absence.is_full(error):\n", "            if error:\n"),
    ),
    removal(
        "a database that restarts is waited for",
        "faults/test_database_away: a_restart_costs_nobody_anything",
        (DATABASE, "                self._watch.missed(error)\n", "                raise\n"),
    ),
    removal(
        "whoever listened to other processes listens again",
        "faults/test_database_away: a_restart_costs_nobody_anything",
        (
            "fedicause/listening.py",
            "        await asyncio.sleep(AGAIN_AFTER)\n",
            "        await asyncio.sleep(AGAIN_AFTER * 1000)\n",
        ),
    ),
    removal(
        "an inbox without its database says that it is not taken",
        AWAY,
        (
            INBOX,
            "        if not absence.is_away(error) and not absence.is_full(error):\n",
            "        if not absence.is_full(error):\n",
        ),
    ),
    removal(
        "a form without a database is not broken",
        AWAY,
        (
            "fedicause/web/errors.py",
            "        if absence.is_away(error) or absence.is_full(error):\n",
            "        if absence.is_full(error):\n",
        ),
    ),
    removal(
        "what was shown is shown on",
        AWAY,
        (
            "fedicause/web/cached.py",
            "                if self._is_away():\n",
            "                if not before:\n",
        ),
        (
            "fedicause/web/cached.py",
            "                if before is None or not absence.is_away(error):\n",
            "                if error:\n",
        ),
    ),
    removal(
        "a machine that is silently gone is not waited for",
        "faults/test_database_away: a_machine_that_is_silently_gone_is_not_waited_for_without_end",
        (
            DATABASE,
            "                async with asyncio.timeout_at(deadline):\n",
            "                async with asyncio.timeout_at(deadline + 3600):\n",
        ),
    ),
    removal(
        "bodies come within a time",
        "faults/test_slow_clients: a_body_that_comes_by_drops_is_not_waited_for",
        (
            PATIENCE,
            "                if now - since >= self._body_within + (request.content_length or 0) / SLOWEST:\n",
            "                if now < since:\n",
        ),
    ),
    removal(
        "answers are taken within a time",
        "faults/test_slow_clients: who_does_not_read_is_not_kept_for",
        (
            PATIENCE,
            "                if now - since >= self._taken_within:\n",
            "                if now < since:\n",
        ),
    ),
    removal(
        "so many connections that say nothing",
        "faults/test_slow_clients: of_too_many_who_say_nothing_the_oldest_go",
        (
            PATIENCE,
            "        for transport in idle[: max(0, len(connections) - self._most)]:\n",
            "        for transport in idle[:0]:\n",
        ),
    ),
    removal(
        "what waits for a time that never comes is due",
        "faults/test_clock_steps: what_was_put_off_by_a_wrong_clock_is_done_when_it_is_right",
        (
            CLOCKS,
            "            update(queue).where(queue.next_at > late, queue.lease_until.is_(None)).values(next_at=now)\n",
            "            update(queue).where(queue.id < 0).values(next_at=now)\n",
        ),
    ),
    removal(
        "leases by a clock that was ahead end",
        "faults/test_clock_steps: what_was_put_off_by_a_wrong_clock_is_done_when_it_is_right",
        (
            CLOCKS,
            "            update(queue).where(queue.lease_until > now + LONGEST_LEASE)",
            "            update(queue).where(queue.id < 0)",
        ),
    ),
    removal(
        "leases by the right clock do not",
        "faults/test_clock_steps: a_lease_of_somebody_who_lives_is_left_to_them",
        (
            CLOCKS,
            "            update(queue).where(queue.lease_until > now + LONGEST_LEASE)",
            "            update(queue).where(queue.lease_until > now)",
        ),
    ),
    removal(
        "what was read tomorrow is old",
        "faults/test_clock_steps: a_block_and_a_new_key_count_though_the_clock_went_back",
        (
            "fedicause/receive.py",
            "abs(now - self._blocked_read_at) <= BLOCKS_FRESH_FOR\n",
            "now - self._blocked_read_at <= BLOCKS_FRESH_FOR\n",
        ),
    ),
    removal(
        "a key that was fetched tomorrow is fetched again",
        "faults/test_clock_steps: a_block_and_a_new_key_count_though_the_clock_went_back",
        (
            "fedicause/fediverse/recognise.py",
            "        if entry.fetched_at is None or abs(self._now() - entry.fetched_at) > FRESH_FOR:\n",
            "        if entry.fetched_at is None or self._now() - entry.fetched_at > FRESH_FOR:\n",
        ),
    ),
    removal(
        "a key of ours that was read tomorrow is read again",
        "faults/test_clock_steps: a_key_that_we_have_changed_signs_though_the_clock_went_back",
        (
            "fedicause/fediverse/keychain.py",
            "abs(now - held.read_at) < FRESH_FOR:\n",
            "now - held.read_at < FRESH_FOR:\n",
        ),
    ),
    removal(
        "what was counted tomorrow does not count today",
        "faults/test_clock_steps: who_was_counted_tomorrow_is_let_in_today",
        (
            "fedicause/meter.py",
            "        if used > now + share * each.at_once + 1:\n",
            "        if used < 0:\n",
        ),
    ),
    removal(
        "a clock that is put right is no clock that was wrong",
        "faults/test_clock_steps: a_step_is_noticed_and_a_slow_clock_is_not",
        ("fedicause/timekeeping.py", "        if abs(step) <= SLIGHT:\n", "        if not step:\n"),
    ),
    removal(
        "a running server looks whether its clock was put back",
        "faults/test_clock_steps: a_running_server_outlives_days_that_never_were",
        (WORK, "        put = timekeeper.step()\n", "        put = None\n"),
    ),
]
