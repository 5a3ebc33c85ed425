"""Where everybody has their mail: an address there says little of who somebody is."""

from typing import Final

# fmt: off
LARGE: Final = frozenset([
    "aol.com", "bluewin.ch", "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net",
    "googlemail.com", "hotmail.com", "hotmail.de", "hotmail.fr", "hotmail.it", "icloud.com",
    "laposte.net", "libero.it", "live.com", "mail.com", "mailbox.org", "me.com", "msn.com", "orange.fr",
    "outlook.com", "outlook.de", "outlook.fr", "outlook.it", "posteo.de", "posteo.net", "proton.me",
    "protonmail.com", "sfr.fr", "t-online.de", "tin.it", "tuta.com", "tutanota.com", "virgilio.it",
    "wanadoo.fr", "web.de", "yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.it",
])
PUBLIC: Final = LARGE | frozenset([
    "126.com", "163.com", "alice.it", "arcor.de", "bigpond.com", "bol.com.br", "bt.com", "btinternet.com",
    "centrum.cz", "charter.net", "comcast.net", "cox.net", "disroot.org", "duck.com", "email.com",
    "fastmail.com", "fastmail.fm", "freenet.de", "gmx.co.uk", "gmx.com", "gmx.eu", "gmx.fr", "gmx.it",
    "hey.com", "hotmail.co.uk", "hotmail.es", "hushmail.com", "inbox.lv", "interia.pl", "kolabnow.com",
    "live.co.uk", "live.de", "live.fr", "live.it", "live.nl", "mac.com", "mail.de", "mail.ru",
    "mailfence.com", "mailinator.com", "neuf.fr", "numericable.fr", "o2.pl", "onet.pl", "online.de",
    "outlook.es", "pm.me", "protonmail.ch", "qq.com", "rambler.ru", "rediffmail.com", "riseup.net",
    "seznam.cz", "sina.com", "sky.com", "startmail.com", "sunrise.ch", "systemli.org", "telenet.be",
    "terra.com.br", "tiscali.it", "tuta.io", "tutamail.com", "tutanota.de", "uol.com.br", "verizon.net",
    "vodafone.de", "vodafone.it", "wp.pl", "yahoo.ca", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com.br",
    "yahoo.es", "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
])
# fmt: on
