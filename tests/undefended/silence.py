"""Names that are not found, mail servers on a bad day, peers that say nothing, or garbage."""

from tests.undefended.removals import removal

NAMES = "federation/names.py"
JUDGE = "fedicause/fediverse/judge.py"
CARRY = "fedicause/letters/carry.py"
POST = "fedicause/letters/post.py"
INQUIRE = "fedicause/coalition/inquire.py"

FOUND = "faults/test_names_away: what_is_said_to_and_by_names_that_are_not_found_waits_for_them"
LOOKING = "faults/test_names_away: looking_for_names_costs_few_threads_and_little_patience"
MUTE = "web/test_mute_peers: who_never_speaks_is_tried_later_and_keeps_nobody_waiting"
GARBAGE = "web/test_threats_garbage: who_answers_garbage_harms_only_how_it_is_heard_itself"
DAY = "web/test_mail_away: a_day_of_not_now_costs_no_letter_and_no_signature"

ALL = [
    removal(
        "a name that is not found may be found later",
        FOUND,
        (
            JUDGE,
            "        is_final\n",
            '        is_final\n        or result.why == "dns"\n',
        ),
    ),
    removal(
        "who endorses from a server that is not found is parked",
        FOUND,
        (
            "fedicause/fediverse/recognise.py",
            "        except (Unreachable, TimeoutError, Exhausted) as error:\n",
            "        except (TimeoutError, Exhausted) as error:\n",
        ),
    ),
    removal(
        "names are not looked up by the two threads of the event loop",
        FOUND,
        (
            NAMES,
            '        threading.Thread(target=look, name="name", daemon=True).start()\n',
            "        self._loop.run_in_executor(None, look)\n",
        ),
    ),
    removal(
        "so many names are looked for at once",
        LOOKING,
        (
            NAMES,
            "        self._turn = asyncio.Semaphore(at_once)\n",
            "        self._turn = asyncio.Semaphore(999)\n",
        ),
    ),
    removal(
        "nobody waits long for a name",
        LOOKING,
        (
            NAMES,
            "            async with asyncio.timeout(self._found_within):\n",
            "            async with asyncio.timeout(None):\n",
        ),
    ),
    removal(
        "a name that was not found is not asked for again at once",
        LOOKING,
        (NAMES, "        if self._loop.time() < until:\n", "        if self._loop.time() < 0:\n"),
    ),
    removal(
        "not now is not never",
        DAY,
        (
            CARRY,
            "    return Refused(_told(error)) if error.code >= 500 else Later(_told(error))\n",
            "    return Refused(_told(error))\n",
        ),
    ),
    removal(
        "letters are tried for longer than a day",
        DAY,
        (
            POST,
            "GIVEN_UP_AFTER: Final = timedelta(days=3)\n",
            "GIVEN_UP_AFTER: Final = timedelta(hours=12)\n",
        ),
    ),
    removal(
        "a mail server has a time to answer in",
        "web/test_mail_away: a_mail_server_that_says_nothing_more_is_not_waited_for",
        (CARRY, "            timeout=self._patience,\n", "            timeout=3600,\n"),
    ),
    removal(
        "a letter has its number for ever",
        "web/test_mail_away: a_letter_of_which_nobody_said_that_it_was_taken_comes_twice_under_one_number",
        (
            "fedicause/letters/envelop.py",
            '        ("Message-ID", f"<{token}@{sender.domain}>"),\n',
            '        ("Message-ID", f"<{id(draft)}{written_at.now()}@{sender.domain}>"),\n',
        ),
    ),
    removal(
        "a connection is made within five seconds, TLS included",
        MUTE,
        (
            "federation/transport.py",
            "            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),\n",
            "            timeout=aiohttp.ClientTimeout(total=None),\n",
        ),
    ),
    removal(
        "of one host so many wait for a connection",
        MUTE,
        ("storage/claims.py", "        .where(ranked.c.place <= ranked.c.room)\n", ""),
        ("storage/claims.py", "        .limit(_PER_HOST)\n", "        .limit(1000)\n"),
        (
            "fedicause/fediverse/deliver.py",
            "asyncio.Semaphore(IN_FLIGHT_PER_HOST)",
            "asyncio.Semaphore(1000)",
        ),
    ),
    removal(
        "what can't be read of a partner costs no round",
        GARBAGE,
        (INQUIRE, "        except Malformed as error:\n", "        except ZeroDivisionError as error:\n"),
    ),
    removal(
        "what is no answer costs no round",
        GARBAGE,
        (INQUIRE, "        except RemoteError as error:\n", "        except ZeroDivisionError as error:\n"),
    ),
]
