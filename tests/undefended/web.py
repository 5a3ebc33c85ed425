"""Forms, sessions, passwords, letters: what people do on our pages, and others in their name."""

from tests.undefended.removals import removal

ADMISSION = "fedicause/web/admin/admission.py"
FRAME = "fedicause/web/admin/frame.py"
LOGIN = "fedicause/staffing/login.py"
COOKIES = "fedicause/web/admin/cookies.py"
GUARD = "fedicause/web/guard.py"
PLEDGE = "fedicause/signing/pledge.py"
CONFIRM = "fedicause/web/confirm.py"

ALL = [
    removal(
        "the staff's pages are for the staff",
        "web/test_admin_forms: no_page_and_no_form_is_for_strangers",
        (
            FRAME,
            "    if user is None or user.is_half:\n        return _to_the_door(request, user)\n",
            '    user = user or Staff(1, "", "owner", False, False, b"", "", request.app[INSTANCE].now())\n',
        ),
    ),
    removal(
        "forms of our own pages, by Origin and where that is missing by Sec-Fetch-Site",
        "web/test_admin_forms: no_form_is_taken_from_another_site,"
        "no_form_is_taken_from_who_does_not_say_where_it_is_from",
        (
            ADMISSION,
            "    if origin is not None:\n        return origin ==",
            "    return True\n    if origin is not None:\n        return origin ==",
        ),
        (ADMISSION, "    return hmac.compare_digest(", "    return True or hmac.compare_digest("),
    ),
    removal(
        "the token of the session in every form",
        "web/test_admin_forms: no_form_is_taken_without_the_token_of_its_session,"
        "a_form_from_before_the_last_login_is_not_taken",
        (ADMISSION, "    return hmac.compare_digest(", "    return True or hmac.compare_digest("),
    ),
    removal(
        "the token in forms does not tell the one in the cookie",
        "web/test_admin_forms: the_token_in_the_form_does_not_lead_to_the_one_in_the_cookie",
        (LOGIN, "        csrf=csrf(token),\n", "        csrf=token,\n"),
    ),
    removal(
        "what is no form is an answer of 400",
        "web/test_admin_forms: what_is_no_form_is_no_failure_of_ours;"
        "web/test_posted: what_is_no_form_is_refused_wherever_forms_are_taken",
        (
            "fedicause/web/posted.py",
            "    except (ValueError, LookupError, RuntimeError, HttpProcessingError) as error:\n",
            "    except ZeroDivisionError as error:\n",
        ),
    ),
    removal(
        "forms in UTF-8 alone",
        "web/test_posted: what_is_no_form_is_refused_wherever_forms_are_taken",
        (
            "fedicause/web/posted.py",
            '        if (request.charset or "").lower() not in _UTF_8:\n',
            "        if False:\n",
        ),
    ),
    removal(
        "parts of forms in UTF-8 alone",
        "web/test_posted: what_is_no_form_is_refused_wherever_forms_are_taken",
        ("fedicause/web/posted.py", "text.decode())", 'text.decode(part.get_charset("utf-8")))'),
    ),
    removal(
        "between the parts of a form others have their turn",
        "web/test_posted: a_form_of_a_thousand_parts_keeps_nobody_waiting",
        ("fedicause/web/posted.py", "        await asyncio.sleep(0)\n", ""),
    ),
    removal(
        "what is no HTTP is not quoted in the log",
        "web/test_posted: who_speaks_no_http_is_not_quoted_in_the_log",
        ("fedicause/app.py", "    logs.hush()\n", ""),
    ),
    removal(
        "a form has an end",
        "web/test_admin_forms: a_form_that_is_too_large_is_refused",
        (ADMISSION, "MOST_BYTES: Final = 1 << 20\n", "MOST_BYTES: Final = 1 << 22\n"),
    ),
    removal(
        "a file is no text",
        "web/test_admin_forms: a_file_where_text_belongs_is_no_text",
        (
            ADMISSION,
            '    if not isinstance(value, str):\n        return ""\n',
            "    if not isinstance(value, str):\n        value = value.file.read().decode()\n",
        ),
    ),
    removal(
        "nothing changes by looking",
        "web/test_admin_forms: looking_changes_nothing",
        (
            "fedicause/web/admin/login.py",
            '@routes.post("/admin/logout")\n',
            '@routes.get("/admin/logout")\n@routes.post("/admin/logout")\n',
        ),
    ),
    removal(
        "public forms of our own pages",
        "web/test_guard: a_form_on_another_site_is_refused;web/test_doors: a_form_from_elsewhere_does_nothing",
        (
            GUARD,
            '    site = request.headers.get("Sec-Fetch-Site")\n',
            '    return True\n    site = request.headers.get("Sec-Fetch-Site")\n',
        ),
    ),
    removal(
        "cookies for this host, unseen by scripts, never sent from elsewhere",
        "web/test_admin_login: the_cookie_is_for_this_host_alone_and_no_script_sees_it",
        (
            COOKIES,
            '        max_age=None if days is None else days * 86_400,\n        path="/",\n        secure=_is_secure(request),\n        httponly=True,\n        samesite="Strict",\n',
            '        max_age=None if days is None else days * 86_400,\n        path="/",\n',
        ),
    ),
    removal(
        "hashes of tokens are kept, not tokens",
        "web/test_admin_login: only_the_hash_of_a_token_is_kept",
        (
            LOGIN,
            '    return hashlib.sha256(token.encode(errors="replace")).digest()\n',
            '    return token.encode(errors="replace")\n',
        ),
    ),
    removal(
        "a new token at log-in, and an end of the one that was there",
        "web/test_admin_login: a_session_laid_out_by_somebody_else_is_never_taken_up",
        (LOGIN, "    if replaces is not None:\n        await sessions.end(session, _hashed(replaces))\n", ""),
    ),
    removal(
        "logging out ends the session, not only the cookie",
        "web/test_admin_login: logging_out_ends_the_session_for_who_copied_the_cookie",
        (
            "fedicause/web/admin/login.py",
            "lambda session, _here: sessions.end(session, user.session)",
            "lambda session, _here: sessions.seen(session, user.session, _here.now)",
        ),
    ),
    removal(
        "growing pauses after wrong passwords",
        "web/test_admin_login: guessing_one_password_gets_slower_and_slower,"
        "a_thousand_guesses_at_once_are_not_one,one_network_cannot_try_one_password_on_everybody",
        (LOGIN, "            if left > timedelta(0):\n", "            if False:\n"),
    ),
    removal(
        "an attempt counts before it is looked at",
        "web/test_admin_login: a_thousand_guesses_at_once_are_not_one",
        (
            "fedicause/web/admin/login.py",
            "    await transactions.change(instance, lambda session, here: verbs.attempt(session, here, counted))\n"
            "    async with instance.database.reading() as session:\n",
            "    async with instance.database.reading() as session:\n",
        ),
        (
            "fedicause/web/admin/login.py",
            "    if not fits or known is None:\n",
            "    if not fits:\n"
            "        try:\n"
            "            await transactions.change(\n"
            "                instance, lambda session, here: verbs.attempt(session, here, counted)\n"
            "            )\n"
            "        except Wait:\n"
            "            pass\n"
            "    if not fits or known is None:\n",
        ),
    ),
    removal(
        "one answer for unknown, disabled and mistyped",
        "web/test_admin_login: unknown_disabled_and_mistyped_are_the_same",
        (
            "fedicause/web/admin/login.py",
            "    if not fits or known is None:\n",
            "    if user is not None and known is None:\n        raise web.HTTPForbidden\n    if not fits or known is None:\n",
        ),
    ),
    removal(
        "an unknown address costs a hash too",
        "web/test_admin_login: an_unknown_address_takes_as_long_as_a_known_one",
        (
            LOGIN,
            "                fits = await asyncio.to_thread(passwords.fits, password, kept or _NOBODY)\n",
            "                fits = kept is not None and await asyncio.to_thread(passwords.fits, password, kept)\n",
        ),
    ),
    removal(
        "one page for every address that signs",
        "web/test_signing: every_address_sees_the_same",
        (
            PLEDGE,
            "        # Of two forms with one address the later one is meant.\n",
            "        if await signatures.by_items(session, place.coalition_id, [item]):\n"
            '            outcomes[number] = "closed"\n',
        ),
    ),
    removal(
        "one page for every address that asks for its page",
        "web/test_doors: every_address_sees_the_same_and_only_its_owner_learns_more",
        (
            "fedicause/people/person.py",
            "    if person is None or newest is None or person.declined_at is not None:\n        return True\n",
            "    if person is None or newest is None or person.declined_at is not None:\n        return False\n",
        ),
    ),
    removal(
        "a letter goes to the address that was confirmed",
        "web/test_doors: every_address_sees_the_same_and_only_its_owner_learns_more",
        (
            "fedicause/people/person.py",
            '        to = here.seal.open(person.address_sealed).decode()\n        await mail.queue_many(session, here, [mail.Draft("page", to,',
            '        to = asked.address\n        await mail.queue_many(session, here, [mail.Draft("page", to,',
        ),
    ),
    removal(
        "a mailed link shows a button",
        "web/test_signing: looking_changes_nothing",
        (
            CONFIRM,
            "    return await _show(request, _usable(await _waiting(request)))\n",
            '    await (await sign.clerk(request.app)).confirm(request.match_info["token"], NOTHING)\n'
            "    return await _show(request, _usable(await _waiting(request)))\n",
        ),
    ),
    removal(
        "nothing of somebody's page changes by looking",
        "web/test_doors: looking_at_everything_changes_nothing",
        (
            "fedicause/web/me.py",
            '@routes.post(f"{PATH}/{_LINK}/withdraw")\n',
            '@routes.get(f"{PATH}/{_LINK}/withdraw")\n@routes.post(f"{PATH}/{_LINK}/withdraw")\n',
        ),
    ),
    removal(
        "few letters a day to one address",
        "test_pledge: one_address_gets_few_letters_a_day",
        (PLEDGE, "        if written >= LETTERS_A_DAY or person", "        if person"),
    ),
    removal(
        "no letters to who says that it was somebody else",
        "test_pledge: that_was_not_me_forgets_everything_and_stops_the_letters",
        (
            PLEDGE,
            " or person.declined_at is not None or _is_fake(signature):\n",
            " or _is_fake(signature):\n",
        ),
    ),
    removal(
        "what waits is forgotten when it was somebody else",
        "test_pledge: that_was_not_me_forgets_everything_and_stops_the_letters",
        (
            PLEDGE,
            '    if found.state == "pending":\n        await pledges.forget(session, [found.signature_id])\n',
            '    if found.state == "pending":\n        pass\n',
        ),
    ),
    removal(
        "what counts is not taken back by a stranger's letter alone",
        "test_pledge: that_was_not_me_leaves_what_counts_unless_that_is_taken_back_too",
        (PLEDGE, '    elif withdraw or found.state == "withdrawn":\n', "    else:\n"),
    ),
    removal(
        "one signature for all spellings of an address",
        "test_pledge: spellings_of_one_address_are_one_signature",
        (
            "federation/sketches.py",
            '    local = unicodedata.normalize("NFC", local).casefold().partition("+")[0]\n',
            '    local = unicodedata.normalize("NFC", local)\n',
        ),
    ),
    removal(
        "limits for networks and mail domains",
        "web/test_guard: of_twenty_thousand_bots_in_an_hour_few_get_past",
        ("fedicause/meter.py", "        if over > 1:\n", "        if False:\n"),
    ),
    removal(
        "a proof is good once",
        "web/test_guard: one_proof_signs_once",
        (PLEDGE, "        if wish.proof in known:\n", "        if False:\n"),
    ),
    removal(
        "nobody makes their own work",
        "web/test_guard: nobody_makes_the_work_easier",
        (GUARD, "    return verify_solution(text, key).verified\n", "    return True\n"),
    ),
]
