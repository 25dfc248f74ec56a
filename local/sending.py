"""`ims send CHANNEL …`: one message, or one to many, with the demo account. One command a channel."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from local import show
from local.problems import Problem

SENDER_KEY = "demo" + "0" * 36

commands = typer.Typer(
    help="Send a message with the demo account.\n\nExamples:\n\n"
    "    ims send mt --to 01012345678 --text hello --wait 10\n\n"
    "    ims send kakao --to 01012345678 --template ORDER_SHIPPED --var name=김하나 --var order=A-1 --wait 10\n\n"
    "    ims send rcs --to 01012345678 --text hello --wait 10",
    rich_markup_mode="markdown",
    no_args_is_help=True,
)

To = Annotated[list[str], typer.Option(help="A recipient; give it more than once for many.")]
LaneOption = Annotated[str, typer.Option(help="auth, realtime, bulk or ad")]
Callback = Annotated[str | None, typer.Option(help="Where the report goes (`ims listen` shows its address).")]
Test = Annotated[bool, typer.Option("--test", help="Use the test key: the simulator answers, whatever happens.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the end; 0: do not wait.")]
Variables = Annotated[list[str] | None, typer.Option("--var", help="name=value, for #{name} in the text.")]
More = Annotated[
    str | None, typer.Option("--json", help="Further fields of the request as a JSON object, such as a fallback.")
]


@commands.command()
def mt(
    to: To,
    text: Annotated[str, typer.Option(help="The text; #{name} stands for a variable.")],
    sender: Annotated[str, typer.Option(help="One of the account's sender numbers.")] = "0215441234",
    lane: LaneOption = "realtime",
    subject: Annotated[str | None, typer.Option(help="Of an LMS.")] = None,
    variables: Variables = None,
    callback: Callback = None,
    more: More = None,
    test: Test = False,
    wait: Wait = 0,
) -> None:
    """A text message: SMS, LMS or MMS.

    Examples:

        ims send mt --to 01012345678 --text hello --wait 10

        ims send mt --to 01090004001 --text "no subscriber" --lane auth --wait 10

        ims send mt --to 01022223333 --to 01033334444 --text hi --callback http://127.0.0.1:41091/reports
    """
    content = {"sender": sender, "text": text, "lane": lane, "subject": subject, "callback_uri": callback}
    send("mt", to, content, variables, more, test, wait)


@commands.command()
def email(
    to: To,
    subject: Annotated[str, typer.Option(help="The subject.")],
    text: Annotated[str | None, typer.Option(help="The text; made of the HTML when left out.")] = None,
    html: Annotated[str | None, typer.Option(help="The same as HTML.")] = None,
    sender: Annotated[str, typer.Option("--from", help="An address of one of the account's domains.")] = (
        "데모상점 <news@demo.example>"
    ),
    lane: LaneOption = "realtime",
    variables: Variables = None,
    callback: Callback = None,
    more: More = None,
    test: Test = False,
    wait: Wait = 0,
) -> None:
    """A mail.

    Examples:

        ims send email --to kim@client.example --subject "주문 안내" --text "안녕하세요" --wait 10

        ims send email --to kim@client.example --subject hi --html "<p>#{name}님</p>" --var name=김하나 --wait 10

        ims send email --to 5002@magic.demo.example --subject bounce --text "no such mailbox" --wait 10
    """
    content = {
        "from": sender, "subject": subject, "text": text, "html": html, "lane": lane, "callback_uri": callback,
    }  # fmt: skip
    send("email", to, content, variables, more, test, wait)


@commands.command()
def kakao(
    to: To,
    template: Annotated[str | None, typer.Option(help="An AlimTalk by this approved template.")] = None,
    text: Annotated[str | None, typer.Option(help="Without a template: a Brand Message of form TEXT.")] = None,
    sender_key: Annotated[str, typer.Option(help="The account's sender profile.")] = SENDER_KEY,
    lane: Annotated[str | None, typer.Option(help="auth, realtime or bulk; a Brand Message goes in ad.")] = None,
    variables: Variables = None,
    callback: Callback = None,
    more: More = None,
    test: Test = False,
    wait: Wait = 0,
) -> None:
    """A KakaoTalk message: an AlimTalk by its template, or a Brand Message.

    Examples:

        ims send kakao --to 01012345678 --template ORDER_SHIPPED --var name=김하나 --var order=A-1 --wait 10

        ims send kakao --to 01012345678 --text "봄맞이 할인" --wait 10

        ims send kakao --to 01090002004 --template ORDER_SHIPPED --var name=A --var order=B --wait 10
            --json '{"fallback": [{"channel": "mt", "sender": "0215441234", "text": "#{name}님 발송"}]}'
    """
    content: dict[str, Any] = {"sender_key": sender_key, "callback_uri": callback, "text": text}
    if template:
        content |= {"type": "alimtalk", "template_code": template, "lane": lane}
    else:
        content |= {"type": "brand", "bubble": "TEXT", "lane": lane or "ad"}
    send("kakao", to, content, variables, more, test, wait)


@commands.command()
def rcs(
    to: To,
    text: Annotated[str | None, typer.Option(help="The text; #{name} stands for a variable.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="The carriers' messagebaseId.")] = None,
    template: Annotated[str | None, typer.Option(help="An approved template instead of a format.")] = None,
    title: Annotated[str | None, typer.Option(help="Of a long message.")] = None,
    brand: Annotated[str, typer.Option(help="The account's brand.")] = "demo-brand",
    chatbot: Annotated[str, typer.Option(help="The brand's chatbot (대화방).")] = "0215441234",
    lane: LaneOption = "realtime",
    variables: Variables = None,
    callback: Callback = None,
    more: More = None,
    test: Test = False,
    wait: Wait = 0,
) -> None:
    """An RCS message; other fields (cards, buttons, ad) by --json.

    Examples:

        ims send rcs --to 01012345678 --text hello --wait 10

        ims send rcs --to 01012345678 --format SL000000 --title 안내 --text "긴 글" --wait 10

        ims send rcs --to 01090002004 --text hello --wait 20
            --json '{"fallback": [{"channel": "mt", "sender": "0215441234", "text": "hello"}]}'
    """
    form = form or (None if template else "SS000000")
    content = {"brand_id": brand, "chatbot_id": chatbot, "format": form, "template_code": template, "title": title}
    send("rcs", to, {**content, "text": text, "lane": lane, "callback_uri": callback}, variables, more, test, wait)


@commands.command()
def push(
    to: To,
    text: Annotated[str, typer.Option(help="The body; #{name} stands for a variable.")],
    title: Annotated[str | None, typer.Option(help="Above the body.")] = None,
    app: Annotated[str, typer.Option(help="One of the account's apps.")] = "demo-app",
    lane: LaneOption = "realtime",
    variables: Variables = None,
    callback: Callback = None,
    more: More = None,
    test: Test = False,
    wait: Wait = 0,
) -> None:
    """A push message to a token (fcm:…, apns:…, webpush:…) or to all devices of a user (user:…).

    Examples:

        ims send push --to fcm:demo-phone --title 주문 --text "배송이 시작되었습니다" --wait 10

        ims send push --to fcm:magic-5001 --text "gone" --wait 10

        ims send push --to user:kim --text hello --json '{"badge": 1, "data": {"order": "A-17"}}'
    """
    content = {"app": app, "title": title, "body": text, "lane": lane, "callback_uri": callback}
    send("push", to, content, variables, more, test, wait)


def send(
    channel: str,
    to: list[str],
    content: dict[str, Any],
    variables: list[str] | None,
    more: str | None,
    test: bool,
    wait: float,
) -> None:
    """Post the request, and show the answer; with `wait`, the messages once they are final."""
    from local import messages

    given = {name: value for name, value in content.items() if value is not None}
    gateway = messages.gateway(test)
    show.out.print_json(data=messages.send(gateway, channel, to, {**given, **_object(more)}, wait, _pairs(variables)))


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given or ()]
    for name, sign, _ in pairs:
        if not name or not sign:
            raise Problem(f"{name!r} is no variable with its value", "write --var name=value")
    return {name: value for name, _, value in pairs}


def _object(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        value = json.loads(given)
    except ValueError as error:
        raise Problem(f"--json: {error}", """write it like '{"ttl": 60}'""") from None
    if not isinstance(value, dict):
        raise Problem("--json: it is no object", """write it like '{"ttl": 60}'""")
    return value
