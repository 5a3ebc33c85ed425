"""Who gets the page and who the Note, by `Accept`."""

import pytest

from fedicause.web import negotiate

LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


@pytest.mark.parametrize(
    "accept",
    [
        "application/activity+json",
        "Application/Activity+JSON",
        LD,
        "application/ld+json",
        f"{LD}, application/activity+json",
        f"application/activity+json, {LD}",
        "application/activity+json, application/ld+json, text/html;q=0.1",
        "application/activity+json, */*;q=0.1",
        "application/activity+json;q=0.9, text/html;q=0.8",
        "application/activity+json, text/html",
        'application/ld+json;profile="https://www.w3.org/ns/activitystreams https://other.example/"',
        "text/html;q=0, application/activity+json;q=0.1",
    ],
)
def test_a_server_gets_the_note(accept: str) -> None:
    assert negotiate.prefers_activity(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "application/json",
        "application/activity+json;q=0",
        "application/activity+json;q=0.5, text/html",
        "application/activity+json;q=0.5, */*",
        "text/html, application/activity+json",
        'application/ld+json; profile="https://other.example/"',
        'text/plain; note="a, application/activity+json"',
        "application/activity+json;q=2",
        "application/*",
    ],
)
def test_a_person_gets_the_page(accept: str) -> None:
    assert not negotiate.prefers_activity(accept)
