"""What a client can do about each cause: in plain words, in Korean and English, and whether sending again helps.

Resend: `yes` the same message may arrive now · `fixed` only after something was put right · `no` it will fail again.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.domain import codes

LANGUAGES = ("ko", "en")


class Advice(NamedTuple):
    """`detail` says what happened, `advice` what to do; `resend` is yes, fixed or no."""

    resend: str
    detail: str
    advice: str


# code  resend | detail in Korean | what to do, in Korean | what to do, in English
_TABLE = """
    0300 no    | 통신사가 발송 여부를 알려 주지 않았습니다 | 받은 분에게 확인한 뒤에만 다시 보내세요. 그냥 보내면 두 번 갈 수 있습니다 | ask the recipient before sending again: it may have arrived
    0301 yes   | 유효 시간이 지나 발송하지 않았습니다 | 아직 필요하면 더 긴 ttl 또는 valid_until로 다시 보내세요 | if it is still wanted, send it again with a longer ttl or valid_until
    0302 no    | 발송 전에 취소되었습니다 | 할 일이 없습니다 | nothing to do
    1001 fixed | 수신 번호가 올바르지 않습니다 | 고객 정보의 번호를 고친 뒤 다시 보내세요 | correct the number in your records, then send again
    1002 fixed | 본문, 제목 또는 파일이 너무 깁니다 | 내용을 줄여 다시 보내세요 | shorten it, then send again
    1003 fixed | 보낼 수 없는 문자가 들어 있습니다 | 그 문자를 빼거나 on_unsupported를 replace로 하여 다시 보내세요 | remove the characters, or send again with on_unsupported set to replace
    1004 fixed | 등록되지 않은 발신번호입니다 | 발신번호를 등록한 뒤 다시 보내세요 | register the sender number, then send again
    1005 no    | 이미 보낸 메시지와 중복됩니다 | 다시 보내지 마세요 | do not send it again
    1006 fixed | 발송 한도 또는 잔액이 부족합니다 | 운영자에게 알려 한도를 늘린 뒤 다시 보내세요 | ask your operator to raise the quota, then send again
    1007 no    | 수신을 거부한 번호입니다 | 명단에서 빼 주세요 | take the recipient off your list
    1008 fixed | 광고를 보낼 수 없는 시간이거나 표기가 빠졌습니다 | (광고) 표기와 시간을 확인하고 다시 보내세요 | check the (광고) mark and the hour, then send again
    1009 fixed | 통신사가 요청을 읽지 못했습니다 | 운영자에게 메시지 번호를 알려 주세요 | tell your operator the message id
    1010 fixed | 본문의 변수에 값이 없습니다 | 빠진 변수를 채워 다시 보내세요 | give the missing variable, then send again
    1011 fixed | 메시지의 파일이 더 이상 없습니다 | 파일을 다시 올린 뒤 다시 보내세요 | upload the file anew, then send again
    2001 fixed | 템플릿이 없습니다 | 템플릿 코드를 확인하고 다시 보내세요 | check the template code, then send again
    2002 fixed | 본문이 템플릿과 다릅니다 | 승인된 템플릿과 똑같이 고쳐 다시 보내세요 | make the text match the approved template, then send again
    2003 fixed | 발신 프로필을 쓸 수 없습니다 | 발신 프로필의 상태를 확인하세요 | check the state of the sender profile
    2004 no    | 수신자가 이 채널을 쓰지 않거나 차단했습니다 | 대체 발송(fallback)으로 문자를 지정하세요 | name a text message as its fallback
    2005 fixed | 이 채널로 보낼 주소가 없습니다 | addresses에 주소를 넣거나 다른 채널로 보내세요 | give an address in addresses, or use another channel
    3001 yes   | 통신사가 응답하지 않았거나 오류를 냈습니다 | 다시 보내세요. 계속되면 운영자에게 알려 주세요 | send it again; if that goes on, tell your operator
    3002 yes   | 통신사가 속도를 줄여 달라고 했습니다 | 시간을 나누어 다시 보내세요 | send it again, spread over more time
    3003 yes   | 통신사가 이유를 밝히지 않고 전달하지 못했습니다 | 한 번 다시 보내 보세요 | try it once more
    3004 fixed | 통신사가 우리 계정을 거절했습니다 | 운영자에게 알려 주세요 | tell your operator
    3005 yes   | 보낼 수 있는 통신사가 없었습니다 | 운영자에게 확인한 뒤 다시 보내세요 | ask your operator, then send again
    3006 fixed | 어떤 통신사의 단가도 max_price보다 높습니다 | max_price를 올리거나 더 싼 종류로 다시 보내세요 | raise max_price or choose a cheaper type, then send again
    4001 no    | 없는 번호입니다 | 고객 정보에서 번호를 지우거나 고치세요 | remove or correct the number in your records
    4002 yes   | 휴대폰이 꺼져 있거나 통화권 밖입니다 | 나중에 다시 보내세요 | send it again later
    4003 yes   | 휴대폰이 가득 찼거나 사용 중입니다 | 나중에 다시 보내세요 | send it again later
    4004 fixed | 이 종류의 메시지를 받을 수 없는 휴대폰입니다 | SMS로 다시 보내세요 | send it again as SMS
    4005 no    | 수신자가 메시지를 거부합니다 | 명단에서 빼 주세요 | take the recipient off your list
    4006 fixed | 스팸으로 차단되었습니다 | 문구와 발신번호를 바꾸고, 수신자에게 스팸 설정을 풀어 달라고 하세요 | change the wording, or ask the recipient to lift the spam filter
    4007 fixed | 발신번호가 차단되었습니다 | 운영자에게 알리고 다른 발신번호로 보내세요 | tell your operator, and send from another number
    4008 no    | 전달 결과가 제때 오지 않았습니다 | 받은 분에게 확인한 뒤에만 다시 보내세요 | ask the recipient before sending again: it may have arrived
    5001 fixed | 푸시 토큰이 더 이상 유효하지 않습니다 | 앱이 새 토큰을 등록하게 하세요 | let the app register a new token
    5002 fixed | 메일 주소가 반송되었거나 수신을 거부했습니다 | 주소를 확인하세요 | check the address
    9001 yes   | IMS 안에서 처리하지 못했고, 통신사에 넘기지 않았습니다 | 아직 필요하면 다시 보내고, 운영자에게 메시지 번호를 알려 주세요 | if it is still wanted, send it again, and tell your operator the message id
"""  # noqa: E501 - a row is a line


def _row(line: str) -> tuple[str, tuple[str, str, str, str]]:
    head, detail, korean, english = (part.strip() for part in line.split("|"))
    code, resend = head.split()
    return code, (resend, detail, korean, english)


TABLE: dict[str, tuple[str, str, str, str]] = dict(_row(line) for line in _TABLE.strip().splitlines())


def of(code: str, language: str) -> Advice:
    """What is known of a code; for one that the table does not have, that an operator should be asked."""
    resend, detail, korean, english = TABLE.get(code, TABLE["1009"])
    if language == "en":
        return Advice(resend, codes.detail(code), english)
    return Advice(resend, detail if code in TABLE else code, korean)
