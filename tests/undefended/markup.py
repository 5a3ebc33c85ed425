"""What people write, wherever it ends up: on pages, in headers, in sheets."""

from tests.undefended.removals import removal

CONTENT = "federation/content.py"
_NOTHING_CLEANED = (
    CONTENT,
    "    cleaned = _cleaner().clean(_cleaner().clean(html[:MAX_LENGTH]))\n",
    "    cleaned = html[:MAX_LENGTH]\n",
)

ALL = [
    removal(
        "tags by an allow-list",
        "web/test_threats_html: no_reply_is_anything_but_text_and_links;"
        "federation/test_content: no_payload_survives,bleach_lets_through_whatever_we_let_through,"
        "every_link_is_marked_as_a_strangers",
        _NOTHING_CLEANED,
    ),
    removal(
        "cleaned twice: what was stripped may have held apart what then nests",
        "federation/test_content: no_payload_survives",
        (
            CONTENT,
            "_cleaner().clean(_cleaner().clean(html[:MAX_LENGTH]))",
            "_cleaner().clean(html[:MAX_LENGTH])",
        ),
    ),
    removal(
        "links to plain addresses only",
        "federation/test_content: a_link_that_is_not_plainly_somewhere_leads_nowhere,"
        "a_link_leads_to_punycode_and_shows_it;web/test_threats_html: a_link_leads_where_it_says",
        (CONTENT, '    return _address(value) if attribute == "href" else value\n', "    return value\n"),
    ),
    removal(
        "links show where they lead",
        "federation/test_content: a_link_that_shows_another_address_shows_its_own,"
        "no_attribute_hides_a_link_from_that;web/test_threats_html: a_link_leads_where_it_says",
        (CONTENT, "    cleaned = _LINK.sub(_honest, _UNPRINTED", "    cleaned = str(_UNPRINTED"),
    ),
    removal(
        "no attribute but a link's address",
        "federation/test_content: no_attribute_hides_a_link_from_that,no_payload_survives",
        (
            CONTENT,
            '_ELSEWHERE: Final[dict[str, set[str]]] = {"*": set()}\n',
            '_ELSEWHERE: Final[dict[str, set[str]]] = {"*": {"title", "lang"}}\n',
        ),
    ),
    removal(
        "no characters that turn text around",
        "federation/test_content: characters_that_turn_text_around_are_gone;"
        "web/test_threats_html: no_name_is_anything_but_text",
        (
            CONTENT,
            '_UNPRINTED = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f\\u202a-\\u202e\\u2066-\\u2069]")\n',
            '_UNPRINTED = re.compile("[\\x00]")\n',
        ),
    ),
    removal(
        "HTML has an end",
        "federation/test_content: huge_html_stays_within_bounds",
        (CONTENT, "MAX_LENGTH: Final = 50_000\n", "MAX_LENGTH: Final = 500_000\n"),
    ),
    removal(
        "pages escape what they are given (and names are without tags when they come)",
        "web/test_threats_html: no_name_is_anything_but_text",
        ("fedicause/fediverse/recognise.py", "content.plain(value)", "value"),
        ("fedicause/web/render.py", "autoescape=True", "autoescape=False"),
    ),
    removal(
        "an author's page is on the author's host",
        "web/test_threats_html: no_name_is_anything_but_text",
        (
            "fedicause/fediverse/interpret.py",
            "        if isinstance(url, str) and vocabulary.same_host(url, actor):\n",
            "        if isinstance(url, str):\n",
        ),
    ),
    removal(
        "hosts in ASCII",
        "web/test_threats_html: an_author_on_an_international_host_is_shown_in_ascii",
        (
            "storage/testimonies.py",
            "        author_host=host,\n",
            '        author_host=host.encode().decode("idna"),\n',
        ),
    ),
    removal(
        "a reply waits for a moderator",
        "web/test_threats_html: a_reply_that_nobody_allowed_is_shown_nowhere",
        (
            "storage/testimonies.py",
            '                state="pending",\n',
            '                state="allowed",\n',
        ),
    ),
    removal(
        "no line breaks in headers of letters",
        "web/test_mail: no_words_become_a_header",
        (
            "fedicause/mail.py",
            '    return " ".join(_NOT_PRINTED.sub(" ", text).split())\n',
            "    return text\n",
        ),
    ),
    removal(
        "what was written is no markup (escaped, and cleaned)",
        "browser/test_stored_markup: no_markup_of_anybody_is_markup_of_ours",
        ("fedicause/web/render.py", "autoescape=True", "autoescape=False"),
    ),
    removal(
        "what was written is no script, even where it were markup",
        "browser/test_stored_markup: no_markup_of_anybody_is_markup_of_ours",
        _NOTHING_CLEANED,
    ),
    removal(
        "cells that begin a formula are defused",
        "web/test_handover: a_name_is_no_formula",
        (
            "fedicause/campaigning/sheets.py",
            '    return f"\'{text}" if text.startswith(_FORMULA) else text\n',
            "    return text\n",
        ),
    ),
    removal(
        "cells of lists of blocks too",
        "web/test_admin_blocks: our_list_can_be_read_again_and_holds_no_formula",
        (
            "fedicause/blocklist.py",
            '    return f"\'{cell}" if cell.startswith(_FORMULA) else cell\n',
            "    return cell\n",
        ),
    ),
]
