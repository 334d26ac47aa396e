"""Every reason has a way out, and what a hint says to type is there: its command, and its options."""

import re
import shlex
import string
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tencentcloud.kms.v20190118 import errorcodes

from kmstool.api import beta, protocol
from kmstool.cli import hints, options, refusals
from kmstool.cli.code_hints import CODES, By
from kmstool.cli.hints import hint_of
from kmstool.cli.main import root
from kmstool.errors import ArgumentError, InputError, KmsToolError, Reason, ServiceError

LINE = re.compile(r"kmstool ((?:[a-z-]+|[A-Z]+)(?: (?:[a-z-]+|[A-Z]+))*)")
SNAPSHOT = Path(__file__).with_name("hints.txt")


def variants(template: str | By) -> list[str]:
    return [template] if isinstance(template, str) else [*template.cases.values(), template.otherwise]


REFUSALS = (*refusals.FIRST, *refusals.ABOUT, *refusals.KINDS)
TEXTS = sorted(
    {text for template in (*hints.REASONS.values(), *CODES.values()) for text in variants(template)}
    | {hint for _, hint in REFUSALS}
)

# Of every service of Tencent Cloud (573/34432), whether an action of KMS lists it or not.
GATEWAY_CODES = {
    "ActionOffline", "AuthFailure.InvalidAuthorization", "AuthFailure.InvalidSecretId", "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure", "AuthFailure.UnauthorizedOperation", "DryRunOperation", "FailedOperation",
    "InternalError", "InvalidAction", "InvalidParameter", "InvalidParameterValue", "InvalidRequest", "IpInBlacklist",
    "IpNotInWhitelist", "LimitExceeded", "MissingParameter", "NoSuchProduct", "NoSuchVersion", "RequestLimitExceeded",
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded", "RequestLimitExceeded.IPLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded", "RequestSizeLimitExceeded", "ResourceInUse", "ResourceInsufficient",
    "ResourceNotFound", "ResourceUnavailable", "ResponseSizeLimitExceeded", "ServiceUnavailable",
    "UnauthorizedOperation", "UnknownParameter", "UnsupportedOperation", "UnsupportedProtocol", "UnsupportedRegion",
}  # fmt: skip
API_CODES = {code for action in protocol.actions().values() for code in action.errors}
SDK_CODES = {value for name, value in vars(errorcodes).items() if name.isupper()}
BETA_CODES = {str(code.value) for code in beta.Code}
KNOWN = {"action": "Encrypt", "key": "orders", "data_key": "user-17", "name": "user-17"}


def every_option(command: click.Command = root) -> Iterator[str]:
    """Yield all options of a command and of those below it."""
    for param in command.params:
        yield from (*param.opts, *param.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from every_option(command.commands[name])


GLOBAL = {option for param in options.GLOBAL for option in param.opts}
OPTIONS = {option for option in every_option() if option.startswith("-")} | GLOBAL


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and what follows its name."""
    command: click.Command = root
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: str(reason.name))
def test_every_reason_has_a_way_out(reason: Reason) -> None:
    assert hint_of(KmsToolError("it failed", reason=reason))


def test_every_code_has_a_way_out() -> None:
    """Those of the API's 69 actions, of Tencent's SDK, of the gateway before all services, and of the KMS of 2017."""
    assert len(API_CODES) >= 62
    assert set(CODES) >= API_CODES | SDK_CODES | GATEWAY_CODES | BETA_CODES
    assert all(hint_of(ServiceError("refused", kms_code=code)) for code in CODES)


def listed() -> str:
    """Return every hint, a line each, with the facts that choose among several."""
    lines = []
    for reason in Reason:
        template = hints.REASONS[reason]
        cases = {template.fact: template.cases} if isinstance(template, By) else {}
        lines += [
            f"{reason.name} ({fact} {case}): {hint_of(KmsToolError('', reason=reason, facts={fact: case}))}"
            for fact, known in cases.items()
            for case in known
        ]
        lines.append(f"{reason.name}: {hint_of(KmsToolError('', reason=reason))}")
    for code, template in CODES.items():
        for case in (*template.cases, None) if isinstance(template, By) else (None,):
            fact = template.fact if isinstance(template, By) else ""
            shown = f"{code} ({fact} {case or 'else'})" if fact else code
            chosen = {fact: case} if case else {fact: ""} if fact else {}
            lines.append(f"{shown}: {hint_of(ServiceError('', kms_code=code), KNOWN | chosen)}")
    lines += [f"about {phrases[0]!r}: {hint}" for phrases, hint in (*refusals.FIRST, *refusals.ABOUT)]
    lines += [f"any {kind.__name__}: {hint}" for kind, hint in refusals.KINDS]
    return "\n".join(lines) + "\n"


def test_the_list_of_all_hints_is_up_to_date() -> None:
    """Read the changed lines as their user will, then write the list anew: `python -m tests.test_hints`."""
    assert SNAPSHOT.read_text("utf-8") == listed()


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_hint_says_to_type_is_there(text: str) -> None:
    text = text.replace("{noun}", "data-key")
    for line in LINE.findall(text):
        command, words = command_of(line.split())
        assert command is not root, line
        known = GLOBAL | set(every_option(command))
        asked = {word for word in words if word.startswith("-")}
        assert asked <= known, line
    assert set(re.findall(r"(?<!\S)--[a-z-]+", text)) <= OPTIONS


@pytest.mark.parametrize("text", TEXTS)
def test_a_hint_is_one_line_in_lower_case_without_a_full_stop(text: str) -> None:
    assert text == text.strip()
    assert "\n" not in text
    assert not text.endswith(".")
    assert text[0] == text[0].lower() or text.startswith("KMS ")


def test_what_is_known_stands_in_the_command_and_what_is_not_in_capitals() -> None:
    unknown = InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE)
    assert hint_of(unknown) == "get them anew: kmstool material params KEY -o DIR"
    known = InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE, facts={"key": "orders"})
    assert hint_of(known) == "get them anew: kmstool material params orders -o DIR"


@pytest.mark.parametrize("value", ["two words", "a;reboot", "$(id)", "it's", "`id`", "{key}", "{0}"])
def test_a_fact_is_one_word_for_a_shell(value: str) -> None:
    hint = hint_of(InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE, facts={"key": value})) or ""
    assert value in shlex.split(hint)


def test_the_errors_own_hint_comes_first_then_its_reason_then_its_code() -> None:
    code = "ResourceUnavailable.CmkNotFound"
    both = ServiceError("it failed", reason=Reason.WHITE_BOX_KEY_ENABLED, kms_code=code)
    assert hint_of(ServiceError("it failed", kms_code=code)) == CODES[code]
    assert "whitebox disable" in str(hint_of(both))
    both.hint = "its own"
    assert hint_of(both) == "its own"
    assert hint_of(ServiceError("it failed", kms_code="New.Code")) is None


def test_another_message_keeps_what_is_known() -> None:
    first = ArgumentError(
        "one", hint="a hint", kms_code="A.B", request_id="1", reason=Reason.KEY_UNKNOWN, facts={"region": "ap-tokyo"}
    )
    second = first.retold("two")
    assert type(second) is ArgumentError
    assert {**vars(first), "message": ""} == {**vars(second), "message": ""}
    assert (str(second), second.message) == ("two", "two")


def test_every_field_of_a_hint_is_a_fact_that_some_error_has() -> None:
    fields = {name for text in TEXTS for _, name, _, _ in string.Formatter().parse(text) if name}
    assert fields <= {
        *("action", "bytes", "characters", "credential", "data_key", "digest", "elsewhere", "encoding", "key", "name"),
        *("noun", "profile", "replace", "secret_id"),
    }


if __name__ == "__main__":
    SNAPSHOT.write_text(listed(), "utf-8")
