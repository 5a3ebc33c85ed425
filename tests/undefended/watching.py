"""What the log and the numbers tell, and to whom."""

from tests.undefended.removals import removal

LOGS = "fedicause/watching/logs.py"
MEASURE = "fedicause/web/measure.py"
OPERATING = "fedicause/web/operating.py"

ALL = [
    removal(
        "the log is without addresses, and without the rows in PostgreSQL's errors",
        "web/test_logs: what_looks_like_an_address_is_left_out",
        (LOGS, '    if "@" in text:\n', "    if not text:\n"),
        (LOGS, ' if "DETAIL:" in text else text\n', ' if "DETAIL: " in text[:0] else text\n'),
    ),
    removal(
        "the log names routes, not what was asked for",
        "web/test_logs: nothing_personal_is_in_any_line",
        (
            MEASURE,
            "    return route.method, resource.canonical\n",
            "    return route.method, request.path_qs\n",
        ),
    ),
    removal(
        "numbers of requests come from our own proxy",
        "web/test_logs: a_number_from_elsewhere_is_not",
        (
            MEASURE,
            "    return logs.well_formed(given) and network.is_proxy(request)\n",
            "    return logs.well_formed(given)\n",
        ),
    ),
    removal(
        "numbers of requests are nothing else",
        "web/test_logs: the_number_that_a_proxy_gives_is_kept",
        (
            MEASURE,
            "    return logs.well_formed(given) and network.is_proxy(request)\n",
            "    return network.is_proxy(request)\n",
        ),
    ),
    removal(
        "the numbers are for programs on this machine",
        "web/test_metrics: only_this_machine_reads_them",
        (
            OPERATING,
            "    if token is None and not network.is_from_here(request):\n",
            "    if token is None and not request:\n",
        ),
    ),
    removal(
        "the numbers are for those who show the token",
        "web/test_metrics: with_a_token_whoever_shows_it_reads_them",
        (
            OPERATING,
            "    if token is not None and not _shows(request, token):\n",
            "    if token is not None and not request:\n",
        ),
    ),
]
