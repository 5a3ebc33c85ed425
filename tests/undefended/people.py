"""What is kept of people, and that it goes."""

from tests.undefended.removals import removal

PERSON = "fedicause/people/person.py"
RETENTION = "fedicause/people/retention.py"

ALL = [
    removal(
        "names and addresses are sealed",
        "test_nothing_in_clear: who_signed_is_in_clear_nowhere_and_erased_everywhere",
        ("fedicause/seal.py", "        return self._fernet.encrypt(value)\n", "        return value\n"),
        (
            "fedicause/seal.py",
            "            return self._fernet.decrypt(sealed)\n",
            "            return sealed\n",
        ),
    ),
    removal(
        "what is erased is overwritten",
        "test_nothing_in_clear: who_signed_is_in_clear_nowhere_and_erased_everywhere",
        (
            "storage/database.py",
            '            "secure_delete = ON",\n',
            '            "secure_delete = OFF",\n',
        ),
    ),
    removal(
        "the export has all there is",
        "web/test_erasure: the_export_has_everything_that_the_tables_have",
        (
            "fedicause/people/dossier.py",
            "            for table, found in rows.items()\n        },\n",
            '            for table, found in rows.items()\n            if table != "consents"\n        },\n',
        ),
    ),
    removal(
        "erasing leaves nothing",
        "web/test_erasure: erasing_leaves_nothing_that_leads_to_the_person",
        (PERSON, "    await traces.remove(session, behind.person.id)\n", ""),
    ),
    removal(
        "every table that leads to a person is looked into",
        "web/test_erasure: every_table_that_leads_to_a_person_is_found",
        (
            "storage/traces.py",
            "        leading = [] if table in theirs else",
            '        leading = [] if table in theirs or table.name == "letters" else',
        ),
    ),
    removal(
        "who signed is forgotten after its time",
        "web/test_retention: who_signed_is_forgotten_and_how_many_stays",
        (RETENTION, "        await retention.forget(session, ids, kept)\n", "        pass\n"),
        (RETENTION, "        await retention.forget(session, ids, {})\n", "        pass\n"),
    ),
    removal(
        "waves are taken out with a recount, and come back",
        "web/test_admin_trends: fakes_go_after_a_look_and_come_back,"
        "many_are_taken_out_in_steps_while_others_sign",
        (
            "fedicause/sign.py",
            "    taken = await signatures.invalidate(session, coalition_id, signature_ids, invalidation_id)\n"
            '    moved = {country: -number for state, country, number in taken if state == "confirmed"}\n',
            "    taken = await signatures.invalidate(session, coalition_id, signature_ids, invalidation_id)\n"
            "    moved = {}\n",
        ),
    ),
    removal(
        "calls to the organisation's own system are signed",
        "web/test_crm: it_can_be_checked_who_tells",
        (
            "fedicause/people/crm.py",
            "{hmac.new(secret.encode(), b'%d.%s' % (at, body), 'sha256').hexdigest()}",
            "{hmac.new(b'', b'%d.%s' % (at, body), 'sha256').hexdigest()}",
        ),
    ),
]
