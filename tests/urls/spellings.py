"""Spellings of targets that nobody may make the gateway call.

Each is text as a stranger may write it where a URL belongs. `{p}` is the tripwire's port, `{own}` the host name of the
partner's own front and `{front}` its port. Sources: OWASP's and PortSwigger's cheat sheets on server-side request
forgery, the tests of Smokescreen and of WHATWG's URL standard, told in our own words; hardening.md, T2, T8 and URLs.
"""

from types import MappingProxyType

#: Hosts that are this machine to somebody: the system's resolver, a browser, a careless parser.
_THIS_MACHINE = (
    *("127.0.0.1", "127.1", "127.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "127.0.0.1.", "127.1."),
    *("2130706433", "2130706433.", "017700000001", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "0x7f.0x0.0x1"),
    *("0177.0.0.1", "0177.1", "0177.0.0.01", "00177.0.0.0x1", "127.0.0.01", "127.0.0.0x1", "127.000.000.001"),
    *("0", "0.", "00", "0x0", "0.0.0.0", "0.0", "000.000.000.000", "0127.0.0.1", "127.0.0.1.0", "127.0.0.256"),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::01]", "[0::1]", "[::]", "[0::0]"),
    *("[::ffff:127.0.0.1]", "[::FFFF:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"),
    *("[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]", "[::ffff:0.0.0.0]", "[::ffff:0:0]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]"),
    *("[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[::1%25lo]", "[::1%lo]", "[::1%251]"),
    *("[v1.127.0.0.1]", "[127.0.0.1]", "[[::1]]", "[::1", "::1", "[::1]x", "x[::1]", "[]"),
    *("localhost", "LOCALHOST", "LocalHost", "localhost.", "localhost..", "foo.localhost", "localhost.localdomain"),
    *("localhost6", "ip6-localhost", "ip6-loopback", "127.0.0.1.nip.example", "1.0.0.127.in-addr.arpa"),
)
#: Hosts in other networks that aren't public, and cloud metadata services in every base.
_ELSEWHERE = (
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.1.1", "198.18.0.1", "192.0.2.1", "203.0.113.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "167772161", "0xa000001", "012.0.0.1"),
    *("169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376"),
    *("169.254.43518", "169.16689662", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]"),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fd20:ce::254]"),
    *("metadata", "metadata.google.internal", "intranet", "gateway", "legacy", "kubernetes.default.svc", "a"),
    *("partner.127", "partner.0x7f", "partner.0", "1.2.3.4.5", "partner.0x", "a_b.example", "-a.example", "a-.example"),
    *("a..example", ".example", "example.com.", "*.example", "a,b.example", "a;b.example", "a!b.example", "'.example"),
    *("a" * 64 + ".example", ".".join(["a" * 60] * 5), "xn--.example", "8.8.8.8", "[2606:4700::1111]"),
)
#: Names that are ordinary until they are resolved, and where they lead. A public address here has nobody behind it.
NAMES = MappingProxyType(
    {
        "loopback.example": ("127.0.0.1",),
        "loopback2.example": ("127.0.0.2",),
        "loopback6.example": ("::1",),
        "unspecified.example": ("0.0.0.0",),
        "unspecified6.example": ("::",),
        "mapped.example": ("::ffff:127.0.0.1",),
        "compatible.example": ("::127.0.0.1",),
        "nat64.example": ("64:ff9b::7f00:1",),
        "sixtofour.example": ("2002:7f00:1::",),
        "teredo.example": ("2001:0:4136:e378:8000:63bf:80ff:fffe",),
        "ten.example": ("10.0.0.1",),
        "seventeen.example": ("172.31.255.254",),
        "nineteen.example": ("192.168.1.1",),
        "linklocal.example": ("169.254.1.1",),
        "linklocal6.example": ("fe80::1",),
        "metadata.example": ("169.254.169.254",),
        "metadata6.example": ("fd00:ec2::254",),
        "azure.example": ("168.63.129.16",),
        "cgnat.example": ("100.64.0.1",),
        "alibaba.example": ("100.100.100.200",),
        "unique-local.example": ("fc00::1",),
        "multicast.example": ("224.0.0.1",),
        "multicast6.example": ("ff02::1",),
        "reserved.example": ("240.0.0.1",),
        "broadcast.example": ("255.255.255.255",),
        "benchmark.example": ("198.18.0.1",),
        "documentation.example": ("203.0.113.9",),
        "mixed.example": ("8.8.8.8", "127.0.0.1"),
        "mixed-too.example": ("127.0.0.1", "8.8.8.8"),
        "mixed6.example": ("2606:4700::1111", "::1"),
        "xn--bcher-kva.example": ("127.0.0.1",),
        "xn--11haa.example": ("127.0.0.1",),
    }
)
#: Hosts beyond ASCII that some normalisation turns into the ones above.
_UNICODE = (
    *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "127\uff610\uff610\uff611"),
    *("\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\u0661\u0662\u0667.\u0660.\u0660.\u0661", "127.0.0.1\u00ad"),
    *("\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "\u24dbocalhost", "localho\u017ft", "local\u200bhost"),
    *("\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "\ufb01le.localhost", "127.0.0.1\u2044.example"),
    *("\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "\u202e1.0.0.721", "b\u00fccher.example", "\u212a.localhost"),
)
#: Whole texts, where the target hides in what stands around it.
_TRICKS = (
    # user names
    *("https://{own}@127.0.0.1:{p}/", "https://{own}:443@127.0.0.1:{p}/", "https://@127.0.0.1:{p}/"),
    *("https://a@b@127.0.0.1:{p}/", "https://127.0.0.1:{p}@{own}:{front}/", "https://user@{own}:{front}/"),
    *("https://:@{own}:{front}/", "https://{own}%40127.0.0.1:{p}/", "https://{own}\uff20127.0.0.1:{p}/"),
    # backslashes and slashes
    *("https://{own}\\@127.0.0.1:{p}/", "https://127.0.0.1:{p}\\@{own}:{front}/", "https:\\\\127.0.0.1:{p}\\"),
    *("https:/\\127.0.0.1:{p}/", "https:///127.0.0.1:{p}/", "https:////127.0.0.1:{p}/", "https:/127.0.0.1:{p}/"),
    *("https:127.0.0.1:{p}/", "//127.0.0.1:{p}/", "///127.0.0.1:{p}/", "\\\\127.0.0.1:{p}\\", "/\\127.0.0.1:{p}/"),
    *("https://{own}\uff0f@127.0.0.1:{p}/", "https://127.0.0.1:{p}\u2215@{own}/", "https://{own}\\.127.0.0.1:{p}/"),
    # fragments, queries and other ends of a host
    *("https://{own}#@127.0.0.1:{p}/", "https://127.0.0.1:{p}#@{own}/", "https://127.0.0.1:{p}?@{own}/"),
    *("https://127.0.0.1:{p};@{own}/", "https://127.0.0.1:{p},{own}/", "https://127.0.0.1:{p}%23@{own}/"),
    *("https://{own}?@127.0.0.1:{p}/", "https://{own}\uff1f@127.0.0.1:{p}/", "https://127.0.0.1:{p}&@{own}#@{own}/"),
    # percent escapes
    *("https://127%2e0%2e0%2e1:{p}/", "https://%31%32%37.0.0.1:{p}/", "https://%6cocalhost:{p}/"),
    *("https://127.0.0.1%2f@{own}:{p}/", "https://{own}%2f@127.0.0.1:{p}/", "https%3A//127.0.0.1:{p}/"),
    *("https://%2531%2532%2537.0.0.1:{p}/", "https://127.0.0.1%00.{own}:{p}/", "https://{own}%0d%0a.127.0.0.1:{p}/"),
    *("https://%5b::1%5d:{p}/", "https://127.0.0.1%3a{p}/", "https://{own}%09:{p}/"),
    # blanks and control characters
    *("https://127.0.0.1\t:{p}/", "https://127.0\t.0.1:{p}/", "ht\ttps://127.0.0.1:{p}/", "https://127.0.0.1\n:{p}/"),
    *("https://\r127.0.0.1:{p}/", "https://{own}/\r\nHost: 127.0.0.1:{p}", "\x00https://127.0.0.1:{p}/"),
    *(
        "https://127.0.0.1\x00.{own}:{p}/",
        " https://127.0.0.1:{p}/",
        "https:// 127.0.0.1:{p}/",
        "https://127.0.0.1 :{p}/",
    ),
    *(
        "https://127.0.0.1:{p} {own}/",
        "\u00a0https://127.0.0.1:{p}/",
        "https://o\twn.example:{p}/",
        "https://{own}\x7f:{p}/",
    ),
    # ports of the partner's own host, and of nobody
    *("https://{own}:{p}/", "https://{own}:22/", "https://{own}:25/", "https://{own}:80/", "https://{own}:6379/"),
    *("https://{own}:0/", "https://{own}:65536/", "https://{own}:-1/", "https://{own}:+443/", "https://{own}:0443/"),
    *(
        "https://{own}:/",
        "https://{own}:443:{p}/",
        "https://{own}:{p}x/",
        "https://{own}: {p}/",
        "https://{own}:0x1bb/",
    ),
    *("https://{own}:\uff14\uff14\uff13/", "https://{own}%3a{p}/", "https://:{p}/", "https://{own}:99999999999999999/"),
    *("https://{own}.:{front}/", "https://{own}..:{front}/", "https://{own}:4_43/"),
    # schemes
    *(
        "http://127.0.0.1:{p}/",
        "HTTP://127.0.0.1:{p}/",
        "http://{own}:{front}/",
        "http://{own}/",
        "HTTPS://127.0.0.1:{p}/",
    ),
    *("hTTpS://127.0.0.1:{p}/", "ftp://127.0.0.1:{p}/", "ws://127.0.0.1:{p}/", "wss://{own}:{front}/"),
    *("gopher://127.0.0.1:{p}/_GET", "dict://127.0.0.1:{p}/x", "ldap://127.0.0.1:{p}/", "tftp://127.0.0.1:{p}/x"),
    *("file:///etc/passwd", "file://127.0.0.1/etc/passwd", "unix:///var/run/docker.sock", "http+unix://%2frun%2fx/"),
    *("jar:https://127.0.0.1:{p}/!/", "url:https://127.0.0.1:{p}/", "view-source:https://127.0.0.1:{p}/"),
    *("data:application/json,{{}}", "javascript:alert(1)", "https+x://127.0.0.1:{p}/", "://127.0.0.1:{p}/"),
    # lengths
    "https://127.0.0.1:{p}/" + "a" * 255,
    "https://" + "a" * 300 + ".example/",
    "https://{own}:{front}/" + "a" * 255,
)
_HOSTS = (*_THIS_MACHINE, *_ELSEWHERE, *NAMES, *_UNICODE)

#: As templates. Hosts stand once with the tripwire's port, and metadata services without one as well.
TEMPLATES = (
    *(f"https://{host}:{{p}}/versions" for host in _HOSTS),
    *(f"https://{host}/" for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254", *NAMES)),
    *_TRICKS,
)


def spellings(*, tripwire, own, front):
    """Every spelling, written for these ports and this host name."""
    return [template.format(p=tripwire, own=own, front=front) for template in TEMPLATES]


def fit_for_a_header(spelling):
    """Whether a spelling can be written into a header at all."""
    return not set("\r\n\x00") & set(spelling)
