"""NHN Cloud KakaoTalk Bizmessage's codes: the API's below zero, Kakao's results above (alimtalk v2.3, error-code)."""

from __future__ import annotations

from shared.vendors.tables import code_lists

CODES = code_lists("""
    0300  system error, it may have been taken: -9999 -7000
    0300  sent, but nothing came back; it may arrive within three days: 3005
    0300  Kakao does not know yet what became of it: 4000 4122 4161
    1001  the recipient is not valid: -4019 -5000 1015 1020 3008 4121
    1002  a text, title, name or list is too long: -1028 -2000 -2004 -2005 -2019 -2024 -2030 -2032 -2035 -2037
    1002  a text, title, name or list is too long: -3040 -3048 -3219 -3220 3014 3025 3026 3029 3032 3034 3035 3037
    1002  a text, title, name or list is too long: 3039 3046 3047 3052 3056 3058 4144
    1004  the account may not send so: -1003
    1005  a duplicate: 4131
    1006  the limit or balance is used up: -1017 4138 4156
    1007  the recipient has unsubscribed: -3301
    1008  an advertisement at a forbidden time, or without its 080 number: -3300 -3340 -3341 -1019 3022
    1009  Kakao could not read the request: 1001 1004 1012 1030 3011 3013 3023 3024 3041 3048 3051 4100 4101 4110
    1009  Kakao could not read the request: 4120 4130
    1009  NHN could not read the request: 4 -1005 -1020 -2001 -2002 -2003 -2018 -2025 -2026 -2027 -2028 -2029 -2031
    1009  NHN could not read the request: -2033
    1009  NHN could not read the request: -2034 -2036 -2502 -2503 -2504 -2505 -3000 -3001 -3002 -3006 -3007 -3008 -3009
    1009  NHN could not read the request: -3012 -3013 -3014 -3015 -3016 -3017 -3018 -3019 -3020 -3021 -3022 -3023 -3024
    1009  NHN could not read the request: -3025 -3026 -3027 -3028 -3029 -3030 -3031 -3032 -3034 -3035 -3036 -3037 -3038
    1009  NHN could not read the request: -3039 -3041 -3044 -3045 -3047 -3050 -3051 -3052 -3053 -3100 -3200 -3201 -3202
    1009  NHN could not read the request: -3203 -3204 -3205 -3206 -3207 -3208 -3209 -3210 -3211 -3212 -3213 -3214 -3215
    1009  NHN could not read the request: -3216 -3217 -3218 -3320 -3321 -3322 -3323 -4000 -4001 -4002 -4003 -4017 -4018
    1009  NHN could not read the request: -4020 -4028 -8000 -8006 -9990 -9991 -9992 -9998
    1009  all recipients were refused: -1031
    2001  the template does not exist or is not approved: -3003 -3005 3015 4102 4133
    2002  the text is not the template's: -3004 -3010 -3011 -3033 -3042 -3043 -3046 -3049 -3299 -3324 -3344
    2002  the text is not the template's: 1033 3016 3027 3028 3030 3031 3033 3036 3038 3040 3042 3043 3044 3045 3053
    2002  the text is not the template's: 3054
    2002  the text is not the template's: 3055 3057 4132 4134
    2003  the sender profile is not usable: -1006 -1014 -1024 -1027 -2017 -4029 -3298 1003 1006 1007 1013 1021 1022
    2003  the sender profile is not usable: 1023
    2003  the sender profile is not usable: 1024 1025 1027 1028 4104
    2004  the recipient does not use KakaoTalk, or blocks the channel: 2003 3018 3019 3020
    3001  Kakao had an error or answered too late: 2005 3006 3012 9998 9999
    3003  failed without a known cause: 2001 3000 3010 4001 4137 4139 4140 4141 4142
    3004  NHN or Kakao refused our account: -1000 -1001 -1002 -1030 -4004 -4005 1002 1011 1014 1016 4103
    4004  the recipient's KakaoTalk cannot show it: 3021 3050
    4006  refused as spam: -8008
    4008  no result in time: 4143
""")
