"""The only function that removes passwords from text, and the filters that apply it to logs and tracebacks.

It hides the text in place of a URL's password, and the text after a word for a secret, up to its end. If the end is not
clear, it hides more rather than less. Text that could not be parsed is not passed to it but not shown at all, because
no pattern knows the end of a password with spaces, quotes and @ in it.

Sources: the Postgres manual, 34.1.1 Connection Strings, 4.1.2 Constants, and the syntax of CREATE ROLE, CREATE USER
MAPPING and CREATE SUBSCRIPTION. It uses the standard library only, because every module that raises errors imports it.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from logging import LogRecord
    from types import TracebackType

Data = TypeVar("Data")

HIDDEN = "***"
_DOTALL = re.IGNORECASE | re.DOTALL
_QUICK = re.compile(r"@|://|%40|pass|secret|pwd|scram_", re.IGNORECASE)

# Words for a secret of libpq, drivers, servers and people, and for the file that contains some.
_WORD = re.compile(
    r"\w*(?:passw(?:or)?d|passphrase|passfile|secret|scram_(?:client|server)_key)\b|\w*pwd\b", re.IGNORECASE
)
_GAP = r"(?:\s|/\*.*?\*/|--[^\n]*(?:\n|$))*"  # blanks and comments of SQL
_EQUALS = re.compile(rf"\\*['\"]?{_GAP}(?:=>?|:=)\s*", _DOTALL)
_COLON = re.compile(r"\\*['\"]\s*:\s*|:(?=\S)|\s*:\s*(?=\\*['\"])")
_BEHIND = re.compile(rf"['\"]?{_GAP}", _DOTALL)
_COLON_OF_YAML = re.compile(r":[ \t]+(?=\S)")
_LINE = re.compile(r"(?<=\n)[ \t-]*\Z|\A[ \t-]*\Z")  # the text before a key of YAML


def _quoted(*, escapes: bool, doubled: str) -> re.Pattern[str]:
    """Return the pattern of a literal in all spellings; a literal without an end matches to the end of the text.

    Args:
        escapes: Whether a backslash escapes, as in E'…', in libpq's connection strings and in Python.
        doubled: The pattern of doubled quotes that delimit a literal inside another literal.
    """
    pair, pair_escaped, single, double = (
        (r"\\\\|\\(?P=doubled)|", r"\\\\(?P=escaped)|\\\\|", r"[^'\\]|\\.|''", r'[^"\\]|\\.|""')
        if escapes
        else ("", "", r"[^']|''", r'[^"]|""')
    )
    return re.compile(
        r"(?:E|U&|N|B|X)?(?:"
        rf"(?P<doubled>{doubled})(?:{pair}(?!(?P=doubled)).)*(?:(?P=doubled)|$)"
        rf"|(?P<escaped>\\+['\"])(?:{pair_escaped}(?!(?P=escaped)).)*(?:(?P=escaped)|$)"
        rf"|(?P<single>')(?:{single})*(?:'|$)(?:\s*\n\s*'(?:{single})*(?:'|$))*"
        rf'|(?P<double>")(?:{double})*(?:"|$)'
        r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)"
        r")",
        _DOTALL,
    )


_PLAIN_LITERAL = {escapes: _quoted(escapes=escapes, doubled=r"(?!)") for escapes in (False, True)}
_DOUBLED_LITERAL = {escapes: _quoted(escapes=escapes, doubled=r"'{2,}(?![\s,;)\]}&]|$)") for escapes in (False, True)}
_INNER_LITERAL = {escapes: _quoted(escapes=escapes, doubled=r"'{2,}") for escapes in (False, True)}
_HIDDEN_BEFORE = re.compile(r"\\*['\"]*(?:\*{0,3}…|\*{3}(?=[\\'\"\s&,;)\]}]|$))")  # and perhaps truncated
_EMPTY = re.compile(r"(?:''|\"\")(?=[\s,;)\]}&]|::|$)")
_BARE = re.compile(r"(?:\\.|(?!&[\w%]+=|'::\w)\S)+", re.DOTALL)
_CLOSING = "'\")]},;"
_NOT_SECRET = re.compile(
    r"(?:null\b|default\b|\$\d+|%\(\w+\)s|%s|:\w*passw\w*|\?|(?:[\w\"]+\.)+\"?\w*passw(?:or)?d\"?)(?=[\s,;)&}\]:]|$)"
    r"|(?:lower|upper|trim|coalesce|nullif|crypt|md5|encode|digest|cast|concat)\(",
    re.IGNORECASE,
)
# A statement that is built at run time; the secret is somewhere after this.
_BUILT = re.compile(r"'+\s*\|\||%(?:\d+\$)?[LI]|%\d+\$s|%s'|'%", re.IGNORECASE)
_FORMATTED = re.compile(r"'*%(?:\(\w+\)s|s)")
_ROLE = re.compile(r"\b(?:create|alter)\s+(?:role|user|group)\b[^;]*\Z", re.IGNORECASE)
_UNQUOTED = re.compile(r"(?!null\b|[$'\"])[^;\n]+", re.IGNORECASE)  # an invalid statement: all may be the secret

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_POSTGRES = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_RUN = re.compile(r"[^\s'\"<>`]*")
_POSTGRES_RUN = re.compile(r"\S*")
_HOST = r"(?:\[[0-9A-Fa-f:.%]*\]|[^\s:/?#@\[\]'\",]*)(?::\d*)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*(?=[/?\s'\"),.;]|$)")
_SHOWN = "host|port|user|dbname|sslmode|sslrootcert|sslcert|connect_timeout|target_session_attrs"
# A URL without any secret, as our own messages write it.
_PLAIN = re.compile(
    r"postgres(?:ql)?(?:\+(?:psycopg2?|asyncpg))?://(?:[\w.%-]+@)?[\w.-]*(?::\d+)?(?:,[\w.-]+(?::\d+)?)*(?:/[\w.%-]*)?"
    rf"(?:\?(?:{_SHOWN})=[\w.%/-]*(?:&(?:{_SHOWN})=[\w.%/-]*)*)?"
)
_ANOTHER = re.compile(r"(?<![^\s'\"(=])[a-z][a-z0-9+]*://(?!@)")
_UP_TO_LAST_AT = re.compile(rf"(?:(?!{_ANOTHER.pattern}).)*@", re.DOTALL)
_NEAR = 200  # characters
_MAIL = re.compile(r"['\"<(]?[\w.+-]+@[\w-]+(?:\.[A-Za-z][\w-]*)+['\">).,;:]*")
# name:password@host without a scheme. `::` is a cast.
_LOGIN = re.compile(r"(?<![^\s'\"(\[{,=;<>/|])([^\s:/@'\"]{0,63})(?<!:):(?!:|//)(\S*)@(?=[\w.\[/*])")
# Error messages about a URL, which quote the part that could not be parsed.
_COMPLAINT = re.compile(
    r"in connection info string|percent-encoded token|invalid percent|URI query parameter|invalid port number"
    r"|for connection option|\bin URI\b|invalid connection option|invalid dsn|cast to integer value as"
    r"|invalid literal for int|IPv4 or IPv6|netloc .*invalid|translate host name \"[^\"]*@|parse .*\bURL\b",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EXAMPLE = "user:password@"  # as our own hints write it
_REASON = '"why nobody needs it"'  # the reason that we propose for any column, whatever its name


def redact(value: Data, unread: Iterable[str] = ()) -> Data:
    """Return a text, or data with texts in it, without passwords.

    Args:
        value: A text, or a list, tuple or mapping, whose values are redacted.
        unread: Inputs that could not be parsed; one that may contain a secret is replaced as a whole.
    """
    redacted: Any = value
    if isinstance(value, str):
        redacted = _text(_without(value, unread))
    elif isinstance(value, Mapping):
        redacted = {key: redact(item, unread) for key, item in value.items()}
    elif isinstance(value, list):
        redacted = [redact(item, unread) for item in value]
    elif isinstance(value, tuple):
        redacted = tuple(redact(item, unread) for item in value)
    return cast(Data, redacted)


def is_secret(word: str) -> bool:
    """Return whether a parameter with this name contains a secret."""
    return _WORD.fullmatch(word) is not None


def may_hold_secret(text: str) -> bool:
    """Return whether a text looks like a URL with a login; mail addresses, names and most file names do not."""
    signs = re.search(r"@|:/|\w:\S*:", text) or _WORD.search(text)
    return signs is not None and _MAIL.fullmatch(text) is None


def is_address(text: str) -> bool:
    """Return whether the name of a folder, file or database looks like a URL with a login, or a connection string."""
    return may_hold_secret(text) and re.search("[:=]", text) is not None


def shown(value: object) -> str:
    """Return a name or file for a message that quotes it; text that may contain a secret becomes `…`."""
    text = str(value)
    return "…" if may_hold_secret(text) else text


def without_quotes(message: str) -> str:
    """Return a server's message without its quotations, because it may quote the password of a statement."""
    return re.sub(r"\"(?:[^\"]|\"\")*\"?", f'"{HIDDEN}"', message)


def guard_process() -> None:
    """Apply `redact` to all log records of this process and to the traceback of an uncaught error."""
    import logging

    for handler in logging.getLogger().handlers:
        if _redact_record not in handler.filters:
            handler.addFilter(_redact_record)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = print_traceback


def print_traceback(
    kind: type[BaseException], error: BaseException, trace: "TracebackType | None", unread: Iterable[str] = ()
) -> None:
    """Write a traceback without passwords to stderr."""
    from traceback import format_exception

    sys.stderr.write(redact("".join(format_exception(kind, error, trace)), unread))


def _redact_record(record: "LogRecord") -> bool:
    """Redact a log record before it is written, and return True, so that every record passes the filter."""
    record.msg, record.args = redact(record.getMessage()), ()
    if record.exc_info and record.exc_info[0] is not None:
        from traceback import format_exception

        record.exc_text = redact("".join(format_exception(*record.exc_info)).rstrip("\n"))
    return True


def _without(text: str, unread: Iterable[str]) -> str:
    """Return a text without the unparsed inputs that may contain a secret, as a whole and as parts of a path."""
    for unread_text in unread:
        if may_hold_secret(unread_text) and not _PLAIN.fullmatch(unread_text):
            option, _, value = unread_text.partition("=")
            pieces = {unread_text, value} if option.startswith("-") else {unread_text}
            # some options take several values, and blanks around each
            pieces |= {part.strip() for piece in tuple(pieces) for part in (piece, *piece.split(","))}
            pieces |= {str(path) for piece in tuple(pieces) for path in (PurePath(piece), *PurePath(piece).parents)}
            for piece in sorted(
                (candidate for candidate in pieces if may_hold_secret(candidate)), key=len, reverse=True
            ):
                for spelling in (
                    piece,
                    repr(piece)[1:-1],
                    _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", piece),
                ):
                    text = text.replace(spelling, "…")
    return text


def _text(text: str) -> str:
    if _COMPLAINT.search(text):
        text = _without_complaint(text)
    return _words(_addresses(text)) if _QUICK.search(text) else text


def _without_complaint(text: str) -> str:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _COMPLAINT.search(line):
            # Hide all from the first quote to the last. A quotation without an end on its line contains a line break.
            lines[number] = re.sub(r"(['\"]).*['\"]", rf"\1{HIDDEN}\1", line)
            if re.sub(r"\w'\w", "", line).count('"') % 2 or re.sub(r"\w'\w", "", line).count("'") % 2:
                return "\n".join((*lines[:number], re.sub(r"(['\"]).*", rf"\1{HIDDEN}\1", line)))
    return "\n".join(lines)


def _addresses(text: str) -> str:
    """Return a text with the password of each URL hidden, between the name and the last @."""
    parts, position = [], 0
    for scheme in _SCHEME.finditer(text):
        if scheme.start() < position:
            continue
        postgres = _POSTGRES.fullmatch(scheme[0]) is not None
        run = (_POSTGRES_RUN if postgres else _RUN).match(text, scheme.end())
        end = scheme.end() + (run[0] if run else "").rfind("@") + 1
        if postgres and run:
            end = _end_of_login(text, end, run)
        parts += [text[position : scheme.end()], _login(text[scheme.end() : end])]
        position = end
    text = "".join((*parts, text[position:]))
    return _LOGIN.sub(lambda match: _login(match[0]), text)


def _end_of_login(text: str, end: int, run: re.Match[str]) -> int:
    """Return the end of a login that may contain blanks: after the last @ that is not part of a mail address."""
    if end == run.start() and _HOSTS.match(text, end) is None:
        match = _UP_TO_LAST_AT.match(text, end)
        return match.end() if match else run.end()
    if end > run.start() or ":" in run[0]:
        rest = _ANOTHER.split(text[run.end() : run.end() + _NEAR], maxsplit=1)[0]
        for token in re.finditer(r"\S*@(?=[\w\[/.])\S*", rest):
            if not _MAIL.fullmatch(token[0]):
                end = run.end() + token.start() + token[0].rfind("@") + 1
    return end


def _login(text: str) -> str:
    """Return the login of a URL, up to its last @, with the password hidden."""
    if text == _EXAMPLE:
        return text
    name, colon, rest = re.split(r"(:|%3A|$)", text, maxsplit=1, flags=re.IGNORECASE)
    return f"{name}:{HIDDEN}{'@' if text.endswith('@') else ''}" if colon and rest != "@" else text


def _words(text: str) -> str:
    """Return a text with the value after each word for a secret hidden."""
    # The syntax of the literal is not known, so the spans of all possible readings are hidden.
    readings = [(escapes, doubled) for escapes in (False, True) for doubled in (False, True)]
    spans = sorted(
        span
        for escapes, doubled in readings
        if (not escapes or "\\" in text) and (not doubled or "''" in text)
        for span in _spans(text, escapes=escapes, doubled=doubled)
    )
    parts, position = [], 0
    for begin, end, replacement in spans:
        if begin >= position:
            parts += [text[position:begin], replacement]
        position = max(position, end)
    return "".join((*parts, text[position:]))


def _spans(text: str, *, escapes: bool, doubled: bool) -> list[tuple[int, int, str]]:
    """Return begin and end of each secret, and the text that replaces it."""
    spans: list[tuple[int, int, str]] = []
    for word in _WORD.finditer(text):
        if spans and word.start() < spans[-1][1]:
            continue
        sign = _sign(text, word)
        begin = sign.end() if sign else _end(_BEHIND.match(text, word.end()))
        if _BUILT.match(text, begin) or (sign is None and _FORMATTED.match(text, begin)):
            return [*spans, (begin, len(text), HIDDEN)]
        is_role = sign is None and _ROLE.search(text[: word.start()]) is not None
        is_inside_literal = text.count("'", 0, begin) % 2 == 1
        is_empty = not (doubled and is_inside_literal) and _EMPTY.match(text, begin) is not None
        literals = (_INNER_LITERAL if is_inside_literal else _DOUBLED_LITERAL) if doubled else _PLAIN_LITERAL
        literal = None if is_empty else literals[escapes]
        value = _value(text, begin, literal, assigned=sign is not None, role=is_role)
        if value is not None:
            in_json = value[0] == HIDDEN and sign is not None and re.fullmatch(r'"\s*:\s*', sign[0])
            spans.append((begin, value[1], f'"{HIDDEN}"' if in_json else value[0]))
    return spans


def _sign(text: str, word: re.Match[str]) -> re.Match[str] | None:
    """Return the match of the sign between a word and its value, or None."""
    sign = _EQUALS.match(text, word.end()) or _COLON.match(text, word.end())
    if sign is None and _LINE.search(text[: word.start()][-80:]):
        sign = _COLON_OF_YAML.match(text, word.end())
    return sign


def _value(
    text: str, begin: int, literal: re.Pattern[str] | None, *, assigned: bool, role: bool
) -> tuple[str, int] | None:
    """Return the replacement and the end of a secret that begins at a position, or None if none begins there."""
    if literal is None or _HIDDEN_BEFORE.match(text, begin) or text.startswith(_REASON, begin):
        return None
    quoted = literal.match(text, begin)
    if quoted:
        quote = quoted["doubled"] or quoted["escaped"] or quoted["single"] or quoted["double"] or "'"
        return f"{quote}{HIDDEN}{quote}", quoted.end()
    if assigned and not _NOT_SECRET.match(text, begin):
        bare = _BARE.match(text, begin)
        if bare and bare[0].rstrip(_CLOSING):
            return HIDDEN, bare.end() - len(bare[0]) + len(bare[0].rstrip(_CLOSING))
    unquoted = _UNQUOTED.match(text, begin) if role else None
    return (HIDDEN, unquoted.end()) if unquoted else None


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0
