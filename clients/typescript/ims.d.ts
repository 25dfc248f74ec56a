// Generated from docs/openapi.yaml by `make clients`: change local/clients, not this file.
export interface ProblemBody { type: string; title: string; status: number; detail: string; errors: ProblemError[] }
export interface ProblemError { pointer: string; code: string; detail: string }

export class Problem extends Error {
  status: number
  type: string
  body: ProblemBody
  errors: ProblemError[]
}

export interface Options { timeout?: number; tries?: number }
export interface Once { idempotencyKey?: string }

export type AcceptedRequest = { "request_id": string; "request_ref": string | null; "lane": Lane; "accepted": number; "scheduled_at": string | null; "messages"?: Array<{ "message_id": string; "to": string; "ref": string | null; "type": MessageType }>; "rejected": Array<RejectedRecipient>; "duplicates": Array<RepeatedRecipient>; "links": Record<string, string> }

export type AccountChange = { "defaults"?: Record<string, (LaneDefaults | null)> }

export type AccountsChange = { "send_window"?: number; "rate_per_second"?: (number | null); "daily_limit"?: (number | null); "callback_uri"?: (string | null); "callback_enabled"?: boolean }

export type AccountsNew = { "send_window"?: number; "rate_per_second"?: (number | null); "daily_limit"?: (number | null); "callback_uri"?: (string | null); "callback_enabled"?: boolean; "username": string }

export type AccountsSuspension = { "reason": string; "reservations": "hold" | "cancel" }

export type AddressSuppressed = { "type": "address.suppressed"; "timestamp": string; "data": { "channel": ChannelName; "to": string; "reason": "bounce" | "complaint" | "unsubscribed" | "dead"; "detail": string | null; "raw_code": string | null; "message_id": string | null; "device"?: string } }

export type AdminIdentity = { "username": string; "id": string; "channel": ChannelName; "kind": string; "value": string; "state": IdentityState; "version": number }

export type AdminIdentityPage = { "items": Array<AdminIdentity>; "next": string | null }

export type AdminTemplate = { "username": string; "id": string; "channel": ChannelName; "code": string; "name": string; "version": number; "state": "draft" | "submitted" | "in_review" | "approved" | "rejected" | "blocked" | "asleep" | "gone"; "states": Record<string, string>; "in_use": number | null; "content": Record<string, unknown>; "variables": Array<string>; "comments": Array<Record<string, unknown>>; "created_at": string; "updated_at": string }

export type AdminTemplatePage = { "items": Array<AdminTemplate>; "next": string | null }

export type AlarmsSilence = { "until": string; "reason": string }

export type AlarmsTaken = { "subject"?: (string | null) }

export type AttemptPage = { "items": Array<CallbackAttempt>; "next": string | null }

export type CallbackAttempt = { "webhook_id": string; "attempt": number; "outcome": "delivered" | "failed" | "exhausted" | "disabled"; "status": number | null; "error": string | null; "duration_ms": number; "reports": number; "at": string; "headers": Record<string, string> | null; "body": string | null }

export type CallbackChange = { "callback_uri"?: (string | null); "secrets"?: Array<string>; "batch_size"?: number; "enabled"?: boolean; "events"?: Array<"address.suppressed" | "usage.alert"> }

export type CallbackHealth = (CallbackSettings & { "health": { "success_rate": number | null; "last_hour": SuccessRate; "last_day": SuccessRate; "pending": number; "exhausted": number; "disabled": number; "last_error": (null | { "status": number | null; "error": string | null; "at": string }); "breaker": (null | { "host": string; "state": "closed" | "open" | "half-open" | "unknown"; "next_probe": string | null }) } })

export type CallbackSettings = { "callback_uri": string | null; "enabled": boolean; "batch_size": number; "events"?: Array<EventType>; "secrets": Array<SecretShown>; "former_secrets"?: Array<(SecretShown & { "until": string })> }

export type CallbackTest = { "callback_uri"?: (string | null) }

export type CallbackTestAnswer = { "callback_uri": string; "ok": boolean; "status": number | null; "duration_ms": number; "error": string | null; "answer": string }

export type Canceled = (Request & { "canceled": number; "arriving": number })

export type Channel = "mt" | "kakao" | "rcs" | "email" | "push"

export type ChannelName = "mt" | "kakao" | "rcs" | "push" | "email"

export type Consent = { "ads"?: boolean; "night_ads"?: boolean }

export type ContactsContactIn = { "name"?: (string | null); "addresses"?: (Record<string, string> | null); "variables"?: (Record<string, (string | number)> | null); "groups"?: (Array<string> | null); "tags"?: (Array<string> | null) }

export type Content = { "message_id": string; "lane": Lane; "masked": boolean; "hops": Array<{ "hop": number; "channel": ChannelName; "content": Record<string, unknown> | null; "detail": string | null }> }

export type DeadDrop = { "reason": string }

export type DeadDropMany = { "topic"?: (string | null); "reason"?: (string | null); "why": string; "count": number }

export type DeadFilter = { "topic"?: (string | null); "reason"?: (string | null) }

export type Decision = { "reason"?: (string | null); "version"?: (number | null) }

export type Device = { "id": string; "user": string; "app": string; "token": string; "platform": string | null; "environment": string | null; "language": string | null; "time_zone": string | null; "consent": { "ads"?: boolean; "night_ads"?: boolean }; "state": "live" | "suspect" | "dead"; "why": string | null; "registered_at": string; "last_seen_at": string; "created_at": string; "updated_at": string }

export type DevicePage = { "items": Array<Device>; "next": string | null }

export type Digest = { "username": string; "date": string; "timezone": "Asia/Seoul"; "since": string; "until": string; "complete": boolean; "totals": { "accepted": number; "delivered": number; "failed": number; "expired": number; "canceled": number; "rate": number | null }; "causes": Array<DigestCause>; "links": Record<string, string> }

export type DigestCallback = { "type": "digest.daily"; "timestamp": string; "data": Digest }

export type DigestCause = { "channel": Channel; "status": "failed" | "expired"; "code": ResultCode; "count": number; "detail": string; "advice": string; "resend": "yes" | "fixed" | "no"; "samples": Array<{ "message_id": string; "to": string; "ref": string | null }>; "links": { "messages": string } }

export type DigestChange = { "enabled"?: boolean; "by"?: "email" | "callback"; "email"?: (string | null); "callback_uri"?: (string | null); "language"?: "ko" | "en"; "always"?: boolean }

export type DigestDelivery = { "state": "sending" | "sent" | "failed" | "uncertain" | "given_up"; "by": "email" | "callback" | null; "tries": number; "error": string | null; "at": string } | null

export type DigestSent = { "date": string; "delivery": DigestDelivery }

export type DigestSettings = { "enabled": boolean; "by": "email" | "callback"; "email": string | null; "callback_uri": string | null; "language": "ko" | "en"; "always": boolean }

export type DigestWithDelivery = (Digest & { "delivery": DigestDelivery })

export type DnsRecord = { "purpose": "dkim_rsa" | "dkim_ed25519" | "return_path" | "spf" | "dmarc"; "name": string; "type": "TXT" | "MX"; "value": string; "required": boolean; "state": "unchecked" | "ok" | "missing" | "wrong" | "unknown"; "found": Array<string> }

export type DryRun = { "dry_run": true; "lane": Lane; "accepted": number; "types": Record<string, number>; "price": string | null; "plan": Array<Record<string, unknown>>; "messages": Array<{ "to": string; "ref": string | null; "type": MessageType; "length": number; "parts": number; "price": string | null; "skipped"?: Array<Record<string, unknown>> }>; "rejected": Array<RejectedRecipient>; "duplicates": Array<RepeatedRecipient> }

export type EmailAttachment = { "file": string; "name"?: (string | null); "inline"?: (string | null) }

export type EmailHop = { "from"?: (string | null); "subject"?: (string | null); "text"?: (string | null); "html"?: (string | null); "reply_to"?: (string | null); "cc"?: (Array<string> | null); "attachments"?: (Array<(EmailAttachment | string)> | null); "headers"?: (Record<string, EmailJsonValue> | null); "unsubscribe"?: (boolean | string | null); "channel": Channel; "wait"?: (number | null) }

export type EmailJsonValue = unknown

export type EmailRequest = { "from": (string | null); "subject": (string | null); "text"?: (string | null); "html"?: (string | null); "reply_to"?: (string | null); "cc"?: (Array<string> | null); "attachments"?: (Array<(EmailAttachment | string)> | null); "headers"?: (Record<string, EmailJsonValue> | null); "unsubscribe"?: (boolean | string | null); "lane"?: "auth" | "realtime" | "bulk" | "ad"; "recipients": (Array<(RecipientIn | GroupOf)> | null); "request_ref"?: (string | null); "callback_uri"?: (string | null); "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null); "wait"?: (number | null); "fallback"?: (Array<(MtHop | KakaoHop | RcsHop | EmailHop | PushHop)> | null); "on_uncertain"?: ("wait" | "failover" | null); "max_price"?: (number | string | null); "strict"?: boolean; "distinct"?: boolean }

export type EventType = "address.suppressed" | "usage.alert"

export type Export = { "id": string; "what": "messages" | "requests" | "attempts"; "filter": Record<string, string>; "purpose": string; "by": string; "state": "running" | "done" | "failed"; "rows": number; "size": number; "time_zone": string; "file": string | null; "created_at": string; "updated_at": string; "expires_at": string }

export type ExportPage = { "items": Array<Export>; "next": string | null }

export type File = { "id": string; "file_id": string; "name": string; "media_type": "image/jpeg"; "size": number; "width": number; "height": number; "created_at": string; "updated_at": string; "needed_until": string | null; "expires_at": string }

export type FilePage = { "items": Array<File>; "next": string | null; "used": Stored; "limit": Stored }

export type FoundMessage = (Report & { "state": State })

export type FunctionsLevel = { "level": "debug" | "info" | "warning" | "error"; "minutes"?: number; "logger"?: string; "instance"?: string; "reason"?: string }

export type GroupOf = { "group": string }

export type GroupsGroupIn = { "name"?: (string | null) }

export type Hop = { "channel": string; "vendor": string | null; "status": string; "code": string | null; "raw_code": string | null; "at": string }

export type Identity = { "id": string; "channel": ChannelName; "kind": "number" | "profile" | "domain" | "app" | "brand" | "chatbot"; "value": string; "state": IdentityState; "reason": string | null; "proof": Array<string>; "settings": Record<string, unknown>; "version": number; "created_at": string; "updated_at": string; "public_key"?: string; "checked_at"?: string | null; "dns"?: Array<DnsRecord> }

export type IdentityChange = { "proof"?: Array<string>; "settings"?: Record<string, unknown> }

export type IdentityPage = { "items": Array<Identity>; "next": string | null }

export type IdentityState = "pending" | "approved" | "rejected"

export type KakaoButton = { "mobile"?: (string | null); "pc"?: (string | null); "ios"?: (string | null); "android"?: (string | null); "type": string; "name": string; "phone"?: (string | null); "extra"?: (string | null); "event"?: (string | null); "form"?: (string | null); "plugin"?: (string | null); "relay"?: (string | null); "product"?: (string | null); "one_click"?: (string | null); "target"?: ("out" | null) }

export type KakaoCard = { "header"?: (string | null); "text"?: (string | null); "image": string; "link"?: (KakaoLink | null); "commerce"?: (KakaoCommerce | null); "coupon"?: (KakaoCoupon | null); "buttons"?: (Array<KakaoButton> | null) }

export type KakaoCommerce = { "title": string; "regular_price": number; "discount_price"?: (number | null); "discount_rate"?: (number | null); "discount_fixed"?: (number | null) }

export type KakaoCoupon = { "mobile"?: (string | null); "pc"?: (string | null); "ios"?: (string | null); "android"?: (string | null); "title": string; "description": string }

export type KakaoHop = { "type"?: ("alimtalk" | "brand" | null); "sender_key"?: (string | null); "template_code"?: (string | null); "text"?: (string | null); "title"?: (string | null); "buttons"?: (Array<KakaoButton> | null); "quick_replies"?: (Array<KakaoButton> | null); "targeting"?: ("I" | "M" | "N" | null); "bubble"?: ("TEXT" | "IMAGE" | "WIDE" | "WIDE_ITEM_LIST" | "CAROUSEL_FEED" | "PREMIUM_VIDEO" | "COMMERCE" | "CAROUSEL_COMMERCE" | null); "header"?: (string | null); "image"?: (string | null); "link"?: (KakaoLink | null); "items"?: (Array<KakaoWideItem> | null); "cards"?: (Array<KakaoCard> | null); "intro"?: (KakaoIntro | null); "tail"?: (KakaoLink | null); "video"?: (KakaoVideo | null); "commerce"?: (KakaoCommerce | null); "coupon"?: (KakaoCoupon | null); "optout"?: (string | null); "channel": Channel; "wait"?: (number | null) }

export type KakaoIntro = { "mobile"?: (string | null); "pc"?: (string | null); "ios"?: (string | null); "android"?: (string | null); "header": string; "text": string; "image": string }

export type KakaoLink = { "mobile"?: (string | null); "pc"?: (string | null); "ios"?: (string | null); "android"?: (string | null) }

export type KakaoRequest = { "type": ("alimtalk" | "brand" | null); "sender_key": (string | null); "template_code"?: (string | null); "text"?: (string | null); "title"?: (string | null); "buttons"?: (Array<KakaoButton> | null); "quick_replies"?: (Array<KakaoButton> | null); "targeting"?: ("I" | "M" | "N" | null); "bubble"?: ("TEXT" | "IMAGE" | "WIDE" | "WIDE_ITEM_LIST" | "CAROUSEL_FEED" | "PREMIUM_VIDEO" | "COMMERCE" | "CAROUSEL_COMMERCE" | null); "header"?: (string | null); "image"?: (string | null); "link"?: (KakaoLink | null); "items"?: (Array<KakaoWideItem> | null); "cards"?: (Array<KakaoCard> | null); "intro"?: (KakaoIntro | null); "tail"?: (KakaoLink | null); "video"?: (KakaoVideo | null); "commerce"?: (KakaoCommerce | null); "coupon"?: (KakaoCoupon | null); "optout"?: (string | null); "lane"?: "auth" | "realtime" | "bulk" | "ad"; "recipients": (Array<(RecipientIn | GroupOf)> | null); "request_ref"?: (string | null); "callback_uri"?: (string | null); "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null); "wait"?: (number | null); "fallback"?: (Array<(MtHop | KakaoHop | RcsHop | EmailHop | PushHop)> | null); "on_uncertain"?: ("wait" | "failover" | null); "max_price"?: (number | string | null); "strict"?: boolean; "distinct"?: boolean }

export type KakaoVideo = { "url": string; "thumbnail"?: (string | null) }

export type KakaoWideItem = { "title"?: (string | null); "image": string; "link": KakaoLink }

export type Key = { "id": string; "name": string; "kind": "live" | "test"; "hint": string; "scopes": Array<string>; "ip_allow": Array<string>; "expires_at": string | null; "last_used_at": string | null; "created_at": string; "updated_at": string }

export type KeyPage = { "items": Array<Key>; "next": string | null }

export type KeyRotation = { "overlap_seconds"?: number }

export type Lane = "auth" | "realtime" | "bulk" | "ad"

export type LaneDefaults = { "fallback": Array<{ "channel": string; "wait"?: number }>; "wait"?: (number | null) }

export type LanesPause = { "reason": string; "minutes"?: number }

export type Lifting = { "reason": string; "recipient_asked"?: boolean }

export type LimitReached = { "limit": "daily"; "level": 70 | 100; "day": string; "used": number; "of": number }

export type MadeKey = { "key": string; "id": string; "name": string; "kind": "live" | "test"; "hint": string; "scopes": Array<string>; "ip_allow": Array<string>; "expires_at": string | null; "last_used_at": string | null; "created_at": string; "updated_at": string }

export type Mapping = { "to": string; "ref"?: (string | null); "variables"?: Record<string, string>; "addresses"?: Record<string, string> }

export type Me = { "username": string; "key": { "kind": "live" | "test" }; "limits": { "rate_per_second": number | null; "daily": number | null; "in_flight_per_lane": number }; "senders": Array<string>; "callback": { "callback_uri": string | null; "enabled": boolean; "batch_size": number }; "digests": DigestSettings; "defaults": Record<string, { "fallback": Array<Record<string, unknown>>; "wait": number | null }> }

export type Message = (FoundMessage & { "trail": Array<TrailStep>; "callback": MessageCallback })

export type MessageCallback = { "state": "none" | "pending" | "delivered" | "exhausted"; "uri": string | null; "tries": number; "last_answer": (null | { "status": number | null; "error": string | null; "at": string | null }); "next_try": string | null; "attempts": Array<{ "attempt": number; "outcome": "delivered" | "failed" | "exhausted" | "disabled"; "status": number | null; "error": string | null; "duration_ms": number | null; "at": string }> }

export type MessagePage = { "items": Array<FoundMessage>; "next": string | null }

export type MessageType = "alimtalk" | "apns" | "brand" | "email" | "fcm" | "lms" | "mms" | "rcs_cards" | "rcs_cards_long" | "rcs_lms" | "rcs_mms" | "rcs_sms" | "rcs_template" | "rcs_unified_lms" | "rcs_unified_mms" | "rcs_unified_sms" | "sms" | "user" | "webpush"

export type MtHop = { "sender"?: (string | null); "text"?: (string | null); "subject"?: (string | null); "type"?: "auto" | "sms" | "lms" | "mms"; "files"?: (Array<string> | null); "on_unsupported"?: "reject" | "replace"; "international"?: boolean; "channel": Channel; "wait"?: (number | null) }

export type MtRequest = { "sender": (string | null); "text": (string | null); "subject"?: (string | null); "type"?: "auto" | "sms" | "lms" | "mms"; "files"?: (Array<string> | null); "on_unsupported"?: "reject" | "replace"; "international"?: boolean; "lane"?: "auth" | "realtime" | "bulk" | "ad"; "recipients": (Array<(RecipientIn | GroupOf)> | null); "request_ref"?: (string | null); "callback_uri"?: (string | null); "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null); "wait"?: (number | null); "fallback"?: (Array<(MtHop | KakaoHop | RcsHop | EmailHop | PushHop)> | null); "on_uncertain"?: ("wait" | "failover" | null); "max_price"?: (number | string | null); "strict"?: boolean; "distinct"?: boolean }

export type NewExport = { "what": "messages" | "requests" | "attempts"; "filter"?: Record<string, string>; "purpose": string }

export type NewIdentity = { "channel"?: (string | null); "kind"?: (string | null); "value"?: (string | null); "proof"?: Array<string>; "settings"?: Record<string, unknown> }

export type NewKey = { "name"?: (string | null); "kind"?: "live" | "test"; "scopes"?: (Array<string> | null); "ip_allow"?: (Array<string> | null); "expires_at"?: (string | null) }

export type NewSender = { "number"?: (string | null); "proof"?: Array<string> }

export type NewTemplate = { "channel"?: (string | null); "code"?: (string | null); "name"?: (string | null); "content"?: (Record<string, unknown> | null) }

export type OptoutsEnding = { "evidence"?: (string | null) }

export type OptoutsNewConsent = { "to"?: (string | null); "channel"?: (string | null); "ads": boolean; "night_ads"?: boolean; "evidence"?: (string | null); "at"?: (string | null) }

export type OptoutsNewOptout = { "to"?: (string | null); "channel"?: (string | null); "scope"?: "ads" | "all"; "reason"?: (string | null); "evidence"?: (string | null); "at"?: (string | null) }

export type PriceList = { "at": string; "currency": "KRW"; "items": Array<{ "channel": ChannelName; "type": MessageType; "country": string; "vendor": Vendor; "price": string; "highest": string; "unit": "message" | "part" }> }

export type PricesNew = { "channel": string; "vendor": string; "type": string; "amount": string; "from": string; "account"?: string; "country"?: string }

export type Problem = { "type": ProblemType; "title": string; "status": number; "detail": string; "request_id"?: string; "errors": Array<{ "pointer": string; "code": string; "detail": string }> }

export type ProblemType = string

export type PushHop = { "app"?: (string | null); "title"?: (string | null); "body"?: (string | null); "data"?: (Record<string, string> | null); "image"?: (string | null); "link"?: (string | null); "badge"?: (number | null); "sound"?: (string | null); "silent"?: boolean; "collapse_key"?: (string | null); "localized"?: (Record<string, PushLocalized> | null); "channel": Channel; "wait"?: (number | null) }

export type PushLocalized = { "title"?: (string | null); "body"?: (string | null) }

export type PushRequest = { "app": (string | null); "title"?: (string | null); "body": (string | null); "data"?: (Record<string, string> | null); "image"?: (string | null); "link"?: (string | null); "badge"?: (number | null); "sound"?: (string | null); "silent"?: boolean; "collapse_key"?: (string | null); "localized"?: (Record<string, PushLocalized> | null); "lane"?: "auth" | "realtime" | "bulk" | "ad"; "recipients": (Array<(RecipientIn | GroupOf)> | null); "request_ref"?: (string | null); "callback_uri"?: (string | null); "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null); "wait"?: (number | null); "fallback"?: (Array<(MtHop | KakaoHop | RcsHop | EmailHop | PushHop)> | null); "on_uncertain"?: ("wait" | "failover" | null); "max_price"?: (number | string | null); "strict"?: boolean; "distinct"?: boolean }

export type RcsAd = { "optout": string }

export type RcsButton = { "type": "URL" | "DIALER" | "COMPOSE" | "CLIPBOARD" | "MAP_SHOW" | "MAP_QUERY" | "MAP_SHARE" | "CALENDAR"; "name": string; "url"?: (string | null); "mobile"?: (string | null); "phone"?: (string | null); "text"?: (string | null); "latitude"?: (number | string | null); "longitude"?: (number | string | null); "label"?: (string | null); "query"?: (string | null); "start"?: (string | null); "end"?: (string | null); "title"?: (string | null); "description"?: (string | null) }

export type RcsCard = { "title"?: (string | null); "text"?: (string | null); "media"?: (string | Array<string> | null); "buttons"?: (Array<RcsButton> | null) }

export type RcsHop = { "brand_id"?: (string | null); "chatbot_id"?: (string | null); "format"?: (string | null); "template_code"?: (string | null); "title"?: (string | null); "text"?: (string | null); "cards"?: (Array<RcsCard> | null); "media"?: (string | Array<string> | null); "buttons"?: (Array<RcsButton> | null); "ad"?: (RcsAd | null); "copy_allowed"?: (boolean | null); "channel": Channel; "wait"?: (number | null) }

export type RcsRequest = { "brand_id": (string | null); "chatbot_id": (string | null); "format"?: (string | null); "template_code"?: (string | null); "title"?: (string | null); "text"?: (string | null); "cards"?: (Array<RcsCard> | null); "media"?: (string | Array<string> | null); "buttons"?: (Array<RcsButton> | null); "ad"?: (RcsAd | null); "copy_allowed"?: (boolean | null); "lane"?: "auth" | "realtime" | "bulk" | "ad"; "recipients": (Array<(RecipientIn | GroupOf)> | null); "request_ref"?: (string | null); "callback_uri"?: (string | null); "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null); "wait"?: (number | null); "fallback"?: (Array<(MtHop | KakaoHop | RcsHop | EmailHop | PushHop)> | null); "on_uncertain"?: ("wait" | "failover" | null); "max_price"?: (number | string | null); "strict"?: boolean; "distinct"?: boolean }

export type RecipientIn = { "to": string; "ref"?: string; "variables"?: Record<string, (string | number)>; "addresses"?: Record<string, string> }

export type Registration = { "user"?: (string | null); "app"?: (string | null); "token"?: (string | null); "subscription"?: (Subscription | null); "replaces"?: (string | null); "platform"?: ("android" | "ios" | "web" | "macos" | "windows" | "other" | null); "environment"?: ("sandbox" | "production" | null); "language"?: (string | null); "time_zone"?: (string | null); "consent"?: (Consent | null) }

export type RejectedRecipient = { "index": number; "to": string; "code": string; "detail": string }

export type RepeatedRecipient = { "index": number; "of": number }

export type Replay = { "since"?: (string | null); "until"?: (string | null); "status"?: (string | null); "request_id"?: (string | null); "to"?: (string | null); "ref"?: (string | null); "channel"?: (string | null); "code"?: (string | null); "ids"?: (Array<string> | null); "undelivered"?: boolean; "cursor"?: (string | null) }

export type Replaying = { "replaying": number; "skipped"?: number; "next"?: string | null }

export type Report = { "message_id": string; "request_id": string; "request_ref": string | null; "ref": string | null; "username": string; "channel": string | null; "type": string | null; "to": string | null; "status": State; "code": string | null; "detail": string | null; "hops": Array<Hop>; "price": string; "currency": "KRW"; "accepted_at": string; "sent_at": string | null; "finished_at": string | null }

export type ReportMany = { "type": "messages.finished"; "timestamp": string; "data": { "reports": Array<Report> } }

export type ReportOne = { "type": "message.finished"; "timestamp": string; "data": Report }

export type ReportPage = { "items": Array<Report>; "next": string | null }

export type Request = { "request_id": string; "request_ref": string | null; "lane": string | null; "test": boolean | null; "total": number; "counts": Record<string, number>; "accepted_at": string; "scheduled_at": string | null; "valid_until": string | null; "reports"?: { "delivered"?: number; "pending"?: number; "exhausted"?: number; "last_answer"?: Record<string, unknown> | null; "next_try"?: string | null }; "links": Record<string, string> }

export type RequestPage = { "items": Array<Request>; "next": string | null }

export type ReservationChange = { "scheduled_at"?: (string | null); "valid_until"?: (string | null); "ttl"?: (number | null) }

export type ResultCode = "0000" | "0300" | "0301" | "0302" | "1001" | "1002" | "1003" | "1004" | "1005" | "1006" | "1007" | "1008" | "1009" | "1010" | "1011" | "2001" | "2002" | "2003" | "2004" | "2005" | "3001" | "3002" | "3003" | "3004" | "3005" | "3006" | "4001" | "4002" | "4003" | "4004" | "4005" | "4006" | "4007" | "4008" | "5001" | "5002" | "9001"

export type RotatedSecret = (CallbackSettings & { "secret": string })

export type SecretRotation = { "overlap_seconds"?: number }

export type SecretShown = { "set": boolean; "fingerprint"?: string; "since"?: string | null }

export type SecretsResealed = (SecretsStatus & { "resealed": number; "done": boolean })

export type SecretsStatus = { "key": string; "kinds": Record<string, { "sealed": number; "stale": number; "clear": number; "unreadable": number }> }

export type Sender = { "id": string; "number": string; "state": IdentityState; "reason": string | null; "proof": Array<string>; "version": number; "created_at": string; "updated_at": string }

export type SenderPage = { "items": Array<Sender>; "next": string | null }

export type ShapesAcceptance = { "name"?: (string | null); "password"?: (string | null) }

export type ShapesAsked = { "email": string }

export type ShapesChange = { "roles"?: (Array<string> | null); "state"?: (string | null) }

export type ShapesChangedPassword = { "current": string; "password": string }

export type ShapesChoice = { "username": (string | null) }

export type ShapesConfirmation = { "password": string }

export type ShapesGiven = { "code": string }

export type ShapesNewInvitation = { "email": string; "roles": Array<string> }

export type ShapesNewPassword = { "password": string }

export type ShapesSignIn = { "email": string; "password": string; "code"?: (string | null); "username"?: (string | null) }

export type ShapesUploadChange = { "mapping"?: (Mapping | null); "content"?: (Record<string, unknown> | null); "duplicates"?: ("once" | "all" | null); "hidden_rows"?: ("skip" | "send" | null); "encoding"?: ("utf-8" | "cp949" | "utf-16-le" | "utf-16-be" | null); "delimiter"?: ("," | ";" | "\t" | null); "sheet"?: (string | null); "header_row"?: (number | null) }

export type ShapesUploadSend = { "again"?: boolean }

export type State = "accepted" | "scheduled" | "held" | "routed" | "sending" | "uncertain" | "sent" | "delivered" | "failed" | "expired" | "canceled"

export type Stored = { "count": number; "bytes": number }

export type Subscription = { "endpoint": string; "expirationTime"?: (number | null); "keys": Record<string, string> }

export type SuccessRate = { "success_rate": number | null; "delivered": number; "failed": number; "since": string }

export type Suppression = { "id": string; "channel": ChannelName; "to": string; "reason": "bounce" | "complaint" | "unsubscribed"; "code": ResultCode; "detail": string | null; "raw_code": string | null; "message_id": string | null; "created_at": string }

export type SuppressionPage = { "items": Array<Suppression>; "next": string | null }

export type Template = { "id": string; "channel": ChannelName; "code": string; "name": string; "version": number; "state": "draft" | "submitted" | "in_review" | "approved" | "rejected" | "blocked" | "asleep" | "gone"; "states": Record<string, string>; "in_use": number | null; "content": Record<string, unknown>; "variables": Array<string>; "comments": Array<Record<string, unknown>>; "created_at": string; "updated_at": string }

export type TemplateDraft = { "name"?: (string | null); "content"?: (Record<string, unknown> | null) }

export type TemplatePage = { "items": Array<Template>; "next": string | null }

export type TemplatePreview = { "variables"?: Record<string, string>; "version"?: (number | null) }

export type TemplatePreviewed = { "version": number; "content": Record<string, unknown>; "type": string | null; "length": number }

export type TrailStep = { "state": string; "at": string | null; "hop"?: number; "channel"?: string; "vendor"?: string; "vendor_account"?: string; "vendor_ref"?: string | null; "code"?: string | null; "raw_code"?: string | null; "raw_text"?: string | null; "via"?: "answer" | "receipt" | "poll" }

export type Usage = { "day": string; "time_zone": string; "alerts": Array<(LimitReached & { "at": string })>; "limits": { "daily": UsedOf; "rate_per_second": { "limit"?: number | null }; "in_flight_per_lane": { "limit"?: number }; "files": UsedOf; "file_bytes": UsedOf; "keys": UsedOf }; "today": Array<{ "lane": Lane; "channel": ChannelName; "type": string; "accepted": number; "delivered": number; "failed": number; "price": string }> }

export type UsageAlert = { "type": "usage.alert"; "timestamp": string; "data": LimitReached }

export type UsedOf = { "used": number; "limit": number | null; "left": number | null; "resets_at"?: string }

export type Vendor = "solapi" | "nhn" | "solapi" | "nhn" | "solapi" | "nhn" | "smtp" | "fcm" | "apns" | "webpush" | "devices"

export type VendorsChange = { "channel"?: (string | null); "weight"?: (number | null); "enabled"?: (boolean | null); "settings"?: (Record<string, unknown> | null); "reason"?: (string | null) }

export type VendorsDrain = { "reason": string; "minutes"?: number; "channel"?: (string | null); "confirm"?: (string | null) }

export type VendorsUndrain = { "channel"?: (string | null) }

export class Ims {
  constructor(key: string, baseUrl?: string, options?: Options)
  pages<T, Q>(operation: (query: Q) => Promise<{ items: T[]; next: string | null }>, query?: Q): AsyncGenerator<T>
  call(method: string, path: string, given?: object): Promise<unknown>
  /** Let the account speak as this. */
  adminApproveIdentity(id: string, body: Decision, given?: Once): Promise<AdminIdentity>
  /** Let messages use the newest version. */
  adminApproveTemplate(id: string, body: Decision, given?: Once): Promise<AdminTemplate>
  /** Make a key for an account, also one that may make others. */
  adminCreateKey(username: string, body: NewKey, given?: Once): Promise<MadeKey>
  /** Revoke a key of an account. */
  adminDeleteKey(username: string, id: string): Promise<void>
  /** One identity of any account. */
  adminGetIdentity(id: string): Promise<AdminIdentity>
  /** How secrets stand in MySQL. */
  adminGetSecrets(): Promise<SecretsStatus>
  /** Identities of all accounts, oldest first. */
  adminListIdentities(given?: { 'channel'?: ChannelName; 'kind'?: string; 'state'?: IdentityState; 'value'?: string; 'limit'?: number; 'cursor'?: string }): Promise<AdminIdentityPage>
  /** The keys of an account. */
  adminListKeys(username: string, given?: { 'limit'?: number; 'cursor'?: string }): Promise<KeyPage>
  /** Templates of all accounts, oldest first. */
  adminListTemplates(given?: { 'channel'?: ChannelName; 'code'?: string; 'state'?: string; 'limit'?: number; 'cursor'?: string }): Promise<AdminTemplatePage>
  /** Refuse it, with the reason that the account reads. */
  adminRejectIdentity(id: string, body: Decision, given?: Once): Promise<AdminIdentity>
  /** Refuse the newest version, with the reason. */
  adminRejectTemplate(id: string, body: Decision, given?: Once): Promise<AdminTemplate>
  /** Seal anew, by the first key, what an older key sealed or what is in clear. */
  adminRotateSecrets(): Promise<SecretsResealed>
  /** Cancel what has not left. */
  cancelRequest(requestId: string, given?: Once): Promise<Canceled>
  /** Change where reports go. */
  changeCallbacks(body: CallbackChange): Promise<CallbackSettings>
  /** Have a digest of each day's failures sent the next morning, or stop it. */
  changeDigestSettings(body: DigestChange): Promise<DigestSettings>
  /** Change its settings or proof. */
  changeIdentity(id: string, body: IdentityChange, given?: { ifMatch?: string }): Promise<Identity>
  /** Set the fallback that requests get which name none, by lane. */
  changeMe(body: AccountChange): Promise<Me>
  /** Move a reservation until it leaves. */
  changeRequest(requestId: string, body: ReservationChange): Promise<Request>
  /** Make the next draft. */
  changeTemplate(code: string, body: TemplateDraft, given?: { 'channel'?: ChannelName; ifMatch?: string }): Promise<Template>
  /** Look a domain's DNS records up. */
  checkIdentity(id: string): Promise<Identity>
  /** Ask for a list as a CSV file. */
  createExport(body: NewExport, given?: Once): Promise<Export>
  /** Ask for a sender number, profile, domain, app, brand or chatbot. */
  createIdentity(body: NewIdentity, given?: Once): Promise<Identity>
  /** Make a key; its secret is shown once. */
  createKey(body: NewKey, given?: Once): Promise<MadeKey>
  /** Ask for a sender number. */
  createSender(body: NewSender, given?: Once): Promise<Sender>
  /** Make a first draft. */
  createTemplate(body: NewTemplate, given?: Once): Promise<Template>
  /** Tell people of an alarm again. */
  deleteAdminAlarmsByIdMute(id: string): Promise<void>
  /** End all changes of a process's log level now; it counts within 15 s. */
  deleteAdminFunctionsByNameLogLevel(name: string): Promise<void>
  /** Take one out. */
  deleteAdminPeopleById(id: string): Promise<void>
  /** Take an invitation back. */
  deleteAdminPeopleInvitationsById(id: string): Promise<void>
  /** Erase a contact; opt-outs and consents of its addresses stay. */
  deleteContactsById(id: string): Promise<void>
  /** Forget one device. */
  deleteDevice(id: string): Promise<void>
  /** Forget all devices of a user. */
  deleteDevices(given?: { 'user'?: string }): Promise<void>
  /** Delete it with its file. */
  deleteExport(id: string): Promise<void>
  /** Remove a file that no message needs. */
  deleteFile(id: string): Promise<void>
  /** Delete a group; its members stay contacts, and what has been accepted for it goes on. */
  deleteGroupsById(id: string): Promise<void>
  /** Remove it. */
  deleteIdentity(id: string): Promise<void>
  /** Revoke it. */
  deleteKey(id: string): Promise<void>
  /** Do without it; operators cannot. All other sessions end. */
  deleteMeTotp(): Promise<void>
  /** Let messages go again, with what the account knows it by; the opt-out stays in the history. */
  deleteOptoutsById(id: string, body: OptoutsEnding): Promise<void>
  /** Take one out; within 10 s all of that person's sessions here have ended. */
  deletePeopleById(id: string): Promise<void>
  /** Take an invitation back. */
  deletePeopleInvitationsById(id: string): Promise<void>
  /** Remove a sender number. */
  deleteSender(id: string): Promise<void>
  /** Sign out everywhere else. */
  deleteSessions(): Promise<void>
  /** Sign out in one place. */
  deleteSessionsById(id: string): Promise<void>
  /** Sign out. */
  deleteSessionsCurrent(): Promise<void>
  /** Remove a template with its versions. */
  deleteTemplate(code: string, given?: { 'channel'?: ChannelName }): Promise<void>
  /** All accounts, in the order in which they were opened. */
  getAdminAccounts(given?: { 'username'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": number; "username": string; "state": string; "suspended": unknown; "limits": { "send_window": number; "rate_per_second": unknown; "daily_limit": unknown }; "callback": { "callback_uri": unknown; "enabled": boolean; "batch_size": number }; "created_at": string }>; "next": unknown }>
  /** One account, with how much it has reserved. */
  getAdminAccountsByUsername(username: string): Promise<void>
  /** The people of any account. */
  getAdminAccountsByUsernamePeople(username: string, given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": string; "created_at": string; "updated_at": string; "version": number }>; "next": unknown }>
  /** Alarms that fire, that will if it lasts (`pending`), and that ended lately; and the mutes that hold. */
  getAdminAlarms(): Promise<{ "items": Array<{ "id": string; "name": string; "subject": string; "severity": string; "state": string; "text": string; "value": number; "since": string; "seen": string; "ended": unknown; "told": { "slack": string; "sms": unknown }; "fired": number; "acknowledged": { "by": string; "at": string }; "muted": { "kind": string; "object": string; "reason": string; "by": string; "details": unknown; "since": string; "until": string } }>; "mutes": Array<{ "kind": string; "object": string; "reason": string; "by": string; "details": unknown; "since": string; "until": string }>; "next": unknown }>
  /** What became of alarms: fired, ended, acknowledged, muted, the newest first. */
  getAdminAlarmsHistory(given?: { 'name'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "name": string; "subject": string; "severity": string; "event": string; "text": string; "by": string; "at": string }>; "next": unknown }>
  /** What was done in the whole installation. */
  getAdminAudit(given?: { 'actor'?: string; 'action'?: string; 'object'?: string; 'since'?: string; 'until'?: string; 'username'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": number; "at": string; "actor": { "kind": string; "id": string; "name": string }; "from": string; "username": string; "action": string; "object": string; "before": unknown; "after": { "created_at": string; "email": string; "expires_at": string; "id": string; "invited_by": string; "roles": Array<string>; "state": string; "updated_at": string } | null; "purpose": unknown }>; "next": unknown }>
  /** The same as a CSV file, of at most 100,000 rows; the look itself is noted. */
  getAdminAuditExport(given?: { 'actor'?: string; 'action'?: string; 'object'?: string; 'since'?: string; 'until'?: string; 'username'?: string; 'purpose'?: string }): Promise<string>
  /** Walk the chain; `broken_at` is the first row that is missing, changed or out of place. */
  getAdminAuditVerify(): Promise<{ "ok": boolean; "rows": number; "head": string; "broken_at": unknown }>
  /** Dead letters, the newest first. */
  getAdminDead(given?: { 'state'?: string; 'topic'?: string; 'reason'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": number; "event_id": string; "topic": string; "type": string; "reason": string; "state": string; "at": string; "decided_by": string; "decided_at": string }>; "next": unknown }>
  /** One, with its record (numbers masked). Looking at it stands in the audit. */
  getAdminDeadById(id: string): Promise<{ "id": number; "event_id": string; "topic": string; "type": string; "reason": string; "state": string; "at": string; "decided_by": unknown; "decided_at": unknown; "headers": { "ce_id": string; "ce_type": string; "ce_specversion": string }; "body": string; "bytes": number }>
  /** Those that wait, by topic and reason, with how many and since when. */
  getAdminDeadGroups(): Promise<{ "items": Array<{ "topic": string; "reason": string; "count": number; "first": string; "last": string }>; "next": unknown }>
  /** Work in MySQL by lane, kind and account. */
  getAdminDue(given?: { 'lane'?: string }): Promise<{ "items": Array<{ "lane": string; "kind": string; "username": string; "batches": number; "messages": number; "first": string; "last": string; "overdue": boolean; "held": boolean }>; "next": unknown }>
  /** Every function and bridge, every topic with its rate, every consumer group with its lag and rate. The first look has no rates. */
  getAdminFlow(): Promise<{ "at": string; "nodes": Array<{ "name": string; "kind": string; "lanes": Array<string>; "triggers": Array<string>; "instances": unknown }>; "topics": Array<{ "name": string; "rate": unknown; "written": number; "partitions": number; "without_leader": number; "under_replicated": number }>; "edges": Array<{ "from": string; "to": string; "kind": string; "group"?: string; "lag"?: number; "rate"?: unknown }> }>
  /** Every process with its instances. */
  getAdminFunctions(): Promise<{ "items": Array<{ "name": string; "function": string; "pool": string | null; "lanes": Array<string>; "state": string; "replicas": { "up": number; "min": number; "max": number }; "odd_version": boolean; "instances": Array<{ "instance": string; "state": string; "version": string; "started": string; "seen": string; "in_flight": number; "memory": number; "level": string }>; "levels": Array<unknown> }>; "next": unknown }>
  /** The clock's tasks, and when each last succeeded. */
  getAdminJobs(): Promise<{ "items": Array<{ "name": string; "succeeded": string }>; "next": unknown }>
  /** The last 1,000 starts, stops and changes of log levels, the newest first. */
  getAdminJournal(given?: { 'limit'?: number }): Promise<{ "items": Array<{ "at": string; "event": string; "process": string; "instance": string; "version": string; "level"?: string; "until"?: string; "by"?: string }>; "next": unknown }>
  /** Topics with partitions, replicas and rate, each with the groups that read it. */
  getAdminKafka(): Promise<{ "at": string; "items": Array<{ "name": string; "rate": unknown; "written": number; "partitions": number; "without_leader": number; "under_replicated": number; "groups": Array<{ "group": string; "lag": number; "rate": unknown }> }>; "next": unknown }>
  /** What waits in each lane in MySQL. */
  getAdminLanes(): Promise<{ "items": Array<{ "lane": string; "paused": { "kind": string; "object": string; "reason": string; "by": string; "details": unknown; "since": string; "until": string } | null; "overdue": number; "later": number; "for_turn": number; "for_room": number; "for_pause": number; "on_the_way": number }>; "next": unknown }>
  /** Errors of all functions' logs as signatures, the latest first. */
  getAdminLogs(given?: { 'function'?: string; 'new'?: string }): Promise<{ "items": Array<{ "id": string; "function": string; "module": string; "event": string; "error": string; "count": number; "new": boolean; "first": string; "last": string; "version": string; "sample": string }>; "next": unknown }>
  /** Messages of all accounts, the newest first, numbers masked; `to` needs `username` and `purpose`. A page may be short and still lead on. */
  getAdminMessages(given?: { 'username'?: string; 'to'?: string; 'purpose'?: string; 'status'?: string; 'code'?: string; 'channel'?: string; 'vendor'?: string; 'lane'?: string; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "message_id": string; "request_id": string; "username": string; "lane": string; "to": string; "channel": string; "type": string; "status": string; "code": string; "vendor": string; "account": string; "hop": number; "price": string; "accepted_at": string; "sent_at": string; "finished_at": string }>; "next": string }>
  /** One message of any account, masked, with its trail: where it was, and when. */
  getAdminMessagesByMessageId(messageId: string): Promise<{ "message_id": string; "request_id": string; "username": string; "lane": string; "to": string; "channel": string; "type": string; "status": string; "code": string; "vendor": string; "account": string; "hop": number; "price": string; "accepted_at": string; "sent_at": string; "finished_at": string; "trail": Array<{ "state": string; "at": string; "hop"?: number; "channel"?: string; "vendor"?: string; "vendor_account"?: string; "vendor_ref"?: string | null; "code"?: string; "raw_code"?: string | null; "raw_text"?: string; "via"?: string }> }>
  /** The longest transaction (its verb and table), how far the replica is behind, and the largest tables. */
  getAdminMysql(): Promise<{ "longest_transaction": { "seconds": number; "what": unknown }; "replica_behind_seconds": unknown; "items": Array<{ "table": string; "rows": number; "bytes": number }>; "next": unknown }>
  /** The operators. */
  getAdminPeople(given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": string | null; "created_at": string; "updated_at": string; "version": number }>; "next": unknown }>
  /** One of them. */
  getAdminPeopleById(id: string): Promise<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": unknown; "created_at": string; "updated_at": string; "version": number }>
  /** Operators who were asked in and have not come yet. */
  getAdminPeopleInvitations(given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "email": string; "roles": Array<string>; "invited_by": string; "state": string; "created_at": string; "updated_at": string; "expires_at": string }>; "next": unknown }>
  /** Prices that were entered, the newest first; where there is none, the vendor's list price holds. */
  getAdminPrices(given?: { 'channel'?: string; 'vendor'?: string }): Promise<{ "items": Array<{ "channel": string; "vendor": string; "account": string; "type": string; "country": string; "from": string; "amount": string; "state": string }>; "next": unknown }>
  /** Memory (% of what it may have), who listens to expiry, what waits in the due-set, and lost shards. */
  getAdminRedis(): Promise<{ "items": Array<{ "metric": string; "subject": string; "value": number; "detail": string }>; "next": unknown }>
  /** Reports that wait for another try, by their callback's host (of the 20,000 that are due first). */
  getAdminRetries(): Promise<{ "waiting": number; "overdue_seconds": number; "items": Array<unknown>; "next": unknown }>
  /** By channel, who carries new messages, with which share; test keys have vendors of their own. */
  getAdminRoutes(): Promise<{ "items": Array<{ "channel": string; "test": boolean; "vendors": Array<{ "vendor": string; "account": string; "share": number; "open": boolean }> }>; "next": unknown }>
  /** The same of any account, named by `username`; `test=true`: of its test keys. */
  getAdminStats(given?: { 'username'?: string; 'test'?: string; 'by'?: string; 'step'?: string; 'since'?: string; 'until'?: string }): Promise<{ "items": Array<{ "at": string; "accepted": number; "delivered": number; "failed": number; "expired": number; "canceled": number; "waiting": number; "latency_ms": { "p50": number; "p95": number; "p99": number }; "price": string }>; "step": string; "by": Array<unknown>; "since": string; "until": string; "complete": boolean; "time_zone": string; "currency": string }>
  /** Paused lanes, drained vendor accounts, suspended accounts, muted alarms, changed log levels. */
  getAdminStops(): Promise<{ "items": Array<unknown>; "next": unknown }>
  /** Changes of `topics` (comma-separated, by default all) as server-sent events. It ends after 50 s. */
  getAdminStream(given?: { 'topics'?: string }): Promise<void>
  /** Every vendor account by channel: breaker, results of the last two hours, share of what is new there. */
  getAdminVendors(given?: { 'channel'?: string; 'vendor'?: string }): Promise<{ "items": Array<{ "vendor": string; "account": string; "channel": string; "weight": number; "enabled": boolean; "sandbox": boolean; "base_url": string; "settings": { "app_key"?: { "set": boolean; "fingerprint": string; "since": string }; "secret_key"?: { "set": boolean; "fingerprint": string; "since": string }; "webhook_secret"?: { "set": boolean; "fingerprint": string; "since": string } }; "drained": unknown; "share": number; "breaker": { "state": string; "next_probe": unknown }; "health": { "results": number; "faults": number; "success": unknown; "codes": Record<string, unknown> } }>; "next": unknown }>
  /** What was done in the account, the newest first; also by operators. */
  getAudit(given?: { 'actor'?: string; 'action'?: string; 'object'?: string; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": number; "at": string; "actor": { "kind": string; "id": string; "name": string }; "from": string; "username": string; "action": string; "object": string; "before": { "batch_size": number; "callback_uri": unknown; "enabled": boolean; "former_secrets": Array<unknown>; "secrets": Array<string> } | null; "after": Record<string, unknown> | null; "purpose": unknown }>; "next": unknown }>
  /** Where reports go, and how that goes lately. */
  getCallbacks(): Promise<CallbackHealth>
  /** Consents that hold; `due_before`: those that must be confirmed again by then (every two years). */
  getConsents(given?: { 'to'?: string; 'channel'?: string; 'due_before'?: string; 'state'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "to": string; "channel": string; "ads": boolean; "night_ads": boolean; "evidence": unknown; "at": string; "due_at": unknown; "ended_at": unknown; "created_at": string; "updated_at": string }>; "next": unknown }>
  /** Whether an advertisement may go to somebody now, and if not, why not, and from when on it may. */
  getConsentsCheck(given?: { 'to'?: string; 'channel'?: string }): Promise<{ "to": string; "channel": string; "allowed": boolean; "why": Array<unknown>; "from": unknown; "consent": { "id": string; "to": string; "channel": string; "ads": boolean; "night_ads": boolean; "evidence": string; "at": string; "due_at": string; "ended_at": unknown; "created_at": string; "updated_at": string }; "confirm_again": boolean }>
  /** The account's contacts: all, the one at an address (`to`), or those in a group. */
  getContacts(given?: { 'to'?: string; 'group'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "name": string; "addresses": Record<string, unknown>; "variables": Record<string, unknown>; "groups": Array<unknown>; "tags": Array<unknown>; "version": number; "created_at": string; "updated_at": string }>; "next": unknown }>
  /** One contact. */
  getContactsById(id: string): Promise<{ "id": string; "name": string; "addresses": Record<string, unknown>; "variables": Record<string, unknown>; "groups": Array<unknown>; "tags": Array<string>; "version": number; "created_at": string; "updated_at": string }>
  /** What a message says, hop by hop, as it goes to the vendor. */
  getContent(messageId: string, given?: { 'purpose'?: string }): Promise<Content>
  /** A day's digest, and how far its sending is. */
  getDigest(date: string): Promise<DigestWithDelivery>
  /** Whether the daily digest of failures comes, how and where. */
  getDigestSettings(): Promise<DigestSettings>
  /** One export. */
  getExport(id: string): Promise<Export>
  /** Its file. */
  getExportFile(id: string): Promise<string>
  /** One file, without its content. */
  getFile(id: string): Promise<File>
  /** The account's groups with the number of their members. */
  getGroups(given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<unknown>; "next": unknown }>
  /** One group. */
  getGroupsById(id: string): Promise<{ "id": string; "name": string; "members": number; "version": number; "created_at": string; "updated_at": string }>
  /** One identity. */
  getIdentity(id: string): Promise<Identity>
  /** To what, by whom and as what one is invited. */
  getInvitationsByToken(token: string): Promise<{ "email": string; "username": string; "operator": boolean; "roles": Array<string>; "invited_by": string; "expires_at": string; "known": boolean }>
  /** One key. */
  getKey(id: string): Promise<Key>
  /** The account behind the key, with what holds for it. */
  getMe(): Promise<Me>
  /** One message with its trail and its callback. */
  getMessage(messageId: string): Promise<Message>
  /** Recipients who want no messages; `state=ended` or `all` shows the history. */
  getOptouts(given?: { 'to'?: string; 'channel'?: string; 'scope'?: string; 'source'?: string; 'state'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "to": string; "channel": unknown; "scope": string; "source": string; "reason": string; "evidence": unknown; "message_id": unknown; "at": string; "ended_at": unknown; "ended_evidence": unknown; "created_at": string; "updated_at": string }>; "next": unknown }>
  /** One opt-out, also an ended one. */
  getOptoutsById(id: string): Promise<{ "id": string; "to": string; "channel": unknown; "scope": string; "source": string; "reason": string; "evidence": unknown; "message_id": unknown; "at": string; "ended_at": unknown; "ended_evidence": unknown; "created_at": string; "updated_at": string }>
  /** The account's people. */
  getPeople(given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": string; "created_at": string; "updated_at": string; "version": number }>; "next": unknown }>
  /** One of them. */
  getPeopleById(id: string): Promise<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": string; "created_at": string; "updated_at": string; "version": number }>
  /** Who was asked in and has not come yet. */
  getPeopleInvitations(given?: { 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<unknown>; "next": unknown }>
  /** A request with its messages counted by state. */
  getRequest(requestId: string): Promise<Request>
  /** Messages and requests with this id, `ref`, `request_ref`, vendor's reference or recipient (numbers in any writing); exact ids come first, then by name, the newest first, at most 20 each. `looked_at` says which names the text could be. */
  getSearch(given?: { 'q'?: string }): Promise<{ "items": Array<{ "kind": string; "id": string; "title": string; "at": string }>; "looked_at": Array<string> }>
  /** One sender number. */
  getSender(id: string): Promise<Sender>
  /** All places where the caller is signed in. */
  getSessions(): Promise<{ "items": Array<{ "id": string; "current": boolean; "username": string; "operator": boolean; "address": string; "agent": string; "created_at": string; "last_seen_at": string }>; "next": unknown }>
  /** Who is signed in here, with what it may do now; renews the cookie. */
  getSessionsCurrent(): Promise<{ "csrf": string; "person": { "id": string; "email": string; "name": string; "totp": boolean }; "roles": Array<string>; "scopes": Array<string>; "operator": boolean; "username": string; "accounts": Array<{ "username": string; "operator": boolean; "roles": Array<string> }>; "created_at": string; "confirmed_until": string }>
  /** Messages of the account by the time of their acceptance; a test key sees those of test keys. */
  getStats(given?: { 'by'?: string; 'step'?: string; 'since'?: string; 'until'?: string }): Promise<{ "items": Array<{ "at": string; "lane": string | null; "status": string | null; "accepted": number; "delivered": number; "failed": number; "expired": number; "canceled": number; "waiting": number; "latency_ms": { "p50": number | null; "p95": number | null; "p99": number | null }; "price": string }>; "step": string; "by": Array<string>; "since": string; "until": string; "complete": boolean; "time_zone": string; "currency": string }>
  /** One of them. */
  getSuppression(id: string): Promise<Suppression>
  /** The newest version, and the number of the one in use. */
  getTemplate(code: string, given?: { 'channel'?: ChannelName }): Promise<Template>
  /** The account's files, the newest first. */
  getUploads(given?: { 'state'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": unknown; "encoding": unknown; "delimiter": unknown; "sheet": unknown; "sheets": Array<unknown>; "header_row": unknown; "columns": Array<unknown>; "mapping": Record<string, unknown>; "suggested": boolean; "content": unknown; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": unknown; "accepted": number; "refused": number; "created_by": string; "sent_by": unknown; "created_at": string; "updated_at": string; "sent_at": unknown; "ended_at": unknown; "erased_at": string }>; "next": unknown }>
  /** One file, with how far its check or sending is, and which like it were sent within a day. */
  getUploadsById(id: string): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": string; "encoding": string; "delimiter": string; "sheet": unknown; "sheets": Array<unknown>; "header_row": number; "columns": Array<string>; "mapping": Record<string, unknown>; "suggested": boolean; "content": unknown; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": unknown; "accepted": number; "refused": number; "created_by": string; "sent_by": unknown; "created_at": string; "updated_at": string; "sent_at": unknown; "ended_at": unknown; "erased_at": string; "same_as": Array<unknown> }>
  /** Why rows cannot be sent, by row, column and value; `?class=` one kind, `twice` and `opted_out` too. As text/csv (or `?format=csv`). */
  getUploadsByIdFaults(id: string, given?: { 'class'?: string; 'format'?: string; 'limit'?: number; 'cursor'?: string }): Promise<{ "items": Array<{ "row": number; "column": string; "value": string; "code": string; "class": string; "detail": string }>; "next": unknown }>
  /** What became of each good row, as CSV. */
  getUploadsByIdResults(id: string): Promise<string>
  /** One row, by its number in the sheet: as it would be sent, or why it would not. */
  getUploadsByIdRowsByN(id: string, n: string): Promise<{ "row": number; "good": boolean; "recipient": Record<string, unknown>; "message": Record<string, unknown> }>
  /** What limits the account, and how much of it is used. */
  getUsage(): Promise<Usage>
  /** Let an address be mailed again. */
  liftSuppression(id: string, body: Lifting): Promise<void>
  /** Tries of reports, newest first, with what the callback answered. */
  listAttempts(given?: { 'outcome'?: "delivered" | "failed" | "exhausted" | "disabled"; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<AttemptPage>
  /** Devices of a user, or all; a test key has its own. */
  listDevices(given?: { 'user'?: string; 'limit'?: number; 'cursor'?: string }): Promise<DevicePage>
  /** The account's exports, newest first. */
  listExports(given?: { 'limit'?: number; 'cursor'?: string }): Promise<ExportPage>
  /** The account's files, newest first, with what is used of its quota. */
  listFiles(given?: { 'limit'?: number; 'cursor'?: string }): Promise<FilePage>
  /** What the account may speak as, oldest first. */
  listIdentities(given?: { 'channel'?: ChannelName; 'kind'?: string; 'state'?: IdentityState; 'value'?: string; 'limit'?: number; 'cursor'?: string }): Promise<IdentityPage>
  /** The account's keys, without their secrets. */
  listKeys(given?: { 'limit'?: number; 'cursor'?: string }): Promise<KeyPage>
  /** Find messages, newest first. */
  listMessages(given?: { 'to'?: string; 'ref'?: string; 'request_id'?: string; 'channel'?: ChannelName; 'status'?: State; 'code'?: ResultCode; 'vendor'?: string; 'lane'?: Lane; 'request_ref'?: string; 'vendor_ref'?: string; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<MessagePage>
  /** What a delivered message costs, by channel, type, country and vendor. */
  listPrices(given?: { 'at'?: string; 'channel'?: ChannelName }): Promise<PriceList>
  /** Final reports in order, none skipped. */
  listReports(given?: { 'request_id'?: string; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<ReportPage>
  /** Requests, newest first, each with its messages counted by state. */
  listRequests(given?: { 'lane'?: Lane; 'request_ref'?: string; 'since'?: string; 'until'?: string; 'limit'?: number; 'cursor'?: string }): Promise<RequestPage>
  /** The sender numbers among the identities. */
  listSenders(given?: { 'state'?: IdentityState; 'limit'?: number; 'cursor'?: string }): Promise<SenderPage>
  /** Addresses that may not be mailed any more. */
  listSuppressions(given?: { 'to'?: string; 'channel'?: ChannelName; 'reason'?: "bounce" | "complaint" | "unsubscribed"; 'limit'?: number; 'cursor'?: string }): Promise<SuppressionPage>
  /** All versions, newest first. */
  listTemplateVersions(code: string, given?: { 'channel'?: ChannelName }): Promise<TemplatePage>
  /** Templates with their newest version, oldest first. */
  listTemplates(given?: { 'channel'?: ChannelName; 'code'?: string; 'state'?: string; 'limit'?: number; 'cursor'?: string }): Promise<TemplatePage>
  /** Change an account's limits or callback; it counts within 10 s. */
  patchAdminAccountsByUsername(username: string, body: AccountsChange): Promise<{ "id": number; "username": string; "state": string; "suspended": unknown; "limits": { "send_window": number; "rate_per_second": unknown; "daily_limit": unknown }; "callback": { "callback_uri": unknown; "enabled": boolean; "batch_size": number }; "created_at": string }>
  /** Change roles or state of one of an account's people. */
  patchAdminAccountsByUsernamePeopleById(username: string, id: string, body: ShapesChange): Promise<void>
  /** Change roles or state of one. */
  patchAdminPeopleById(id: string, body: ShapesChange): Promise<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": unknown; "created_at": string; "updated_at": string; "version": number }>
  /** Change weight, switch or settings of a vendor account; settings are written and never read. The dry run shows the shares as they would be. */
  patchAdminVendorsByVendorByAccount(vendor: string, account: string, body: VendorsChange, given?: { 'dry_run'?: string }): Promise<{ "dry_run": boolean; "items": Array<{ "vendor": string; "account": string; "channel": string; "share": number; "then": number }> }>
  /** Change what is given of a contact. */
  patchContactsById(id: string, body: ContactsContactIn, given?: { ifMatch?: string }): Promise<{ "id": string; "name": string; "addresses": Record<string, unknown>; "variables": Record<string, unknown>; "groups": Array<unknown>; "tags": Array<string>; "version": number; "created_at": string; "updated_at": string }>
  /** Rename a group; what has been accepted for it stays as it is. */
  patchGroupsById(id: string, body: GroupsGroupIn, given?: { ifMatch?: string }): Promise<{ "id": string; "name": string; "members": number; "version": number; "created_at": string; "updated_at": string }>
  /** The same as PUT. */
  patchIdentity(id: string, body: IdentityChange, given?: { ifMatch?: string }): Promise<Identity>
  /** Change roles or state of one. */
  patchPeopleById(id: string, body: ShapesChange): Promise<{ "id": string; "email": string; "name": string; "roles": Array<string>; "state": string; "totp": boolean; "last_seen_at": string; "created_at": string; "updated_at": string; "version": number }>
  /** Open an account. Its first key: POST …/{username}/keys; its first person: …/people/invitations. */
  postAdminAccounts(body: AccountsNew, given?: Once): Promise<{ "id": number; "username": string; "state": string; "suspended": unknown; "limits": { "send_window": number; "rate_per_second": unknown; "daily_limit": number }; "callback": { "callback_uri": unknown; "enabled": boolean; "batch_size": number }; "created_at": string }>
  /** Ask somebody into an account: its first owner. */
  postAdminAccountsByUsernamePeopleInvitations(username: string, body: ShapesNewInvitation, given?: Once): Promise<{ "id": string; "email": string; "roles": Array<string>; "invited_by": string; "state": string; "created_at": string; "updated_at": string; "expires_at": string; "mailed": boolean }>
  /** Open a suspended account again; held reservations leave at their times, or now where those have passed. */
  postAdminAccountsByUsernameResume(username: string, given?: { 'dry_run'?: string } & Once): Promise<{ "id": number; "username": string; "state": string; "suspended": unknown; "limits": { "send_window": number; "rate_per_second": unknown; "daily_limit": unknown }; "callback": { "callback_uri": unknown; "enabled": boolean; "batch_size": number }; "created_at": string; "reservations": { "messages": number; "requests": number } }>
  /** Close an account to all of its keys and people, until it is resumed; what it had sent goes on to its end. */
  postAdminAccountsByUsernameSuspend(username: string, body: AccountsSuspension, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "username": string; "state": string; "would_be_held": { "messages": number; "requests": number } }>
  /** Say that you see to an alarm; it holds until this outage has ended. Others see your name. */
  postAdminAlarmsByIdAcknowledge(id: string, body: AlarmsTaken, given?: Once): Promise<{ "items": Array<{ "id": string; "name": string; "subject": string; "severity": string; "state": string; "text": string; "value": number; "since": string; "seen": string; "ended": unknown; "told": { "slack": string; "sms": unknown }; "fired": number; "acknowledged": { "by": string; "at": string }; "muted": unknown }> }>
  /** Tell nobody of an alarm until then, at most 7 days; if it still fires at its end, it is told once. */
  postAdminAlarmsByIdMute(id: string, body: AlarmsSilence, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "stop": { "kind": string; "object": string; "reason": string; "by": string; "details": unknown; "since": string; "until": string } }>
  /** Give a waiting letter up; it is removed after 30 days. */
  postAdminDeadByIdDrop(id: string, body: DeadDrop, given?: { 'dry_run'?: string } & Once): Promise<{ "id": number; "state": string }>
  /** Publish a dead letter again, as it was, to where it came from; once. */
  postAdminDeadByIdReplay(id: string, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "count": number; "to": string }>
  /** Give up all that wait with a topic or a reason; `count` must be how many there are. */
  postAdminDeadDrop(body: DeadDropMany, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "count": number }>
  /** Replay those that wait with a topic or a reason, at most 200 a call; ?dry_run=true says how many there are. */
  postAdminDeadReplay(body: DeadFilter, given?: { 'dry_run'?: string } & Once): Promise<{ "replayed": number; "left": Array<unknown> }>
  /** Let nothing of a lane leave for vendors, from some seconds after on, for some minutes. */
  postAdminLanesByLanePause(lane: string, body: LanesPause, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "lane": string; "holds_up": number; "lets_go": number; "stop": { "kind": string; "object": string; "reason": string; "by": string; "details": unknown; "since": string; "until": string } }>
  /** Let a lane go on: what waited leaves now, but for what has expired. */
  postAdminLanesByLaneResume(lane: string, given?: { 'dry_run'?: string } & Once): Promise<{ "lane": string; "paused": unknown; "overdue": number; "later": number; "for_turn": number; "for_room": number; "for_pause": number; "on_the_way": number }>
  /** Ask an operator in by mail. */
  postAdminPeopleInvitations(body: ShapesNewInvitation, given?: Once): Promise<{ "id": string; "email": string; "roles": Array<string>; "invited_by": string; "state": string; "created_at": string; "updated_at": string; "expires_at": string; "mailed": boolean }>
  /** Enter a price from a moment on, which lies in the future: what was accepted keeps its price. */
  postAdminPrices(body: PricesNew, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "channel": string; "vendor": string; "account": string; "type": string; "country": string; "from": string; "amount": string; "state": string; "before": unknown }>
  /** Give a vendor account nothing new; what it has goes on, its receipts count, it is asked about the uncertain. */
  postAdminVendorsByVendorByAccountDrain(vendor: string, account: string, body: VendorsDrain, given?: { 'dry_run'?: string } & Once): Promise<{ "dry_run": boolean; "items": Array<{ "vendor": string; "account": string; "channel": string; "share": number; "then": number }> }>
  /** Close a vendor account's breakers by hand: its vendor is called again at once. */
  postAdminVendorsByVendorByAccountReset(vendor: string, account: string, given?: Once): Promise<{ "items": Array<{ "vendor": string; "account": string; "channel": string; "weight": number; "enabled": boolean; "sandbox": boolean; "base_url": string; "settings": Record<string, unknown>; "drained": unknown; "share": number; "breaker": { "state": string; "next_probe": unknown }; "health": { "results": number; "faults": number; "success": unknown; "codes": Record<string, unknown> } }> }>
  /** Whether a vendor's address answers, and how fast; nothing is sent to anybody. */
  postAdminVendorsByVendorByAccountTest(vendor: string, account: string, given?: Once): Promise<{ "items": Array<{ "channel": string; "reached": boolean; "status": unknown; "ms": number; "detail": string }> }>
  /** Give a vendor account new messages again. */
  postAdminVendorsByVendorByAccountUndrain(vendor: string, account: string, body: VendorsUndrain, given?: { 'dry_run'?: string } & Once): Promise<{ "items": Array<{ "vendor": string; "account": string; "channel": string; "weight": number; "enabled": boolean; "sandbox": boolean; "base_url": string; "settings": Record<string, unknown>; "drained": unknown; "share": number; "breaker": { "state": string; "next_probe": unknown }; "health": { "results": number; "faults": number; "success": unknown; "codes": Record<string, unknown> } }> }>
  /** Note what a recipient has agreed to; it takes the place of the consent before, and ends an older opt-out. */
  postConsents(body: OptoutsNewConsent, given?: Once): Promise<{ "id": string; "to": string; "channel": string; "ads": boolean; "night_ads": boolean; "evidence": string; "at": string; "due_at": string; "ended_at": unknown; "created_at": string; "updated_at": string }>
  /** Make a contact; a known address is 409 with its contact's id, or (`merge=true`) adds to that one. */
  postContacts(body: ContactsContactIn, given?: { 'merge'?: string } & Once): Promise<{ "id": string; "name": string; "addresses": Record<string, unknown>; "variables": Record<string, unknown>; "groups": Array<string>; "tags": Array<string>; "version": number; "created_at": string; "updated_at": string }>
  /** Make a group; contacts name the groups that they are in. */
  postGroups(body: GroupsGroupIn, given?: Once): Promise<{ "id": string; "name": string; "members": number; "version": number; "created_at": string; "updated_at": string }>
  /** Come in; who is new gives a name and a password, who is known the password, unless signed in as that person. */
  postInvitationsByToken(token: string, body: ShapesAcceptance): Promise<{ "email": string; "username": string; "operator": boolean; "roles": Array<string>; "invited_by": string; "expires_at": string; "known": boolean }>
  /** A secret for an authenticator app; it counts once a code of it was shown (PUT). */
  postMeTotp(): Promise<{ "secret": string; "uri": string }>
  /** Ten new recovery codes; the ones before are dead. */
  postMeTotpRecovery(): Promise<{ "recovery_codes": Array<string> }>
  /** Note that a recipient wants no more; it holds within 5 s for all that has not left. 200 when it held already. */
  postOptouts(body: OptoutsNewOptout, given?: Once): Promise<{ "id": string; "to": string; "channel": unknown; "scope": string; "source": string; "reason": string; "evidence": unknown; "message_id": unknown; "at": string; "ended_at": unknown; "ended_evidence": unknown; "created_at": string; "updated_at": string }>
  /** Set a password by a link, which works once; every session ends, a second factor stays. */
  postPasswordsByToken(token: string, body: ShapesNewPassword): Promise<void>
  /** Ask for a link; 202, whoever it is. */
  postPasswordsReset(body: ShapesAsked): Promise<{ "sent": string }>
  /** Ask somebody in by mail; asked again, the address gets a new link and the one before is dead. */
  postPeopleInvitations(body: ShapesNewInvitation, given?: Once): Promise<{ "id": string; "email": string; "roles": Array<string>; "invited_by": string; "state": string; "created_at": string; "updated_at": string; "expires_at": string; "mailed": boolean }>
  /** Begin a session; 201 with its cookie. */
  postSessions(body: ShapesSignIn): Promise<{ "csrf": string; "person": { "id": string; "email": string; "name": string; "totp": boolean }; "roles": Array<string>; "scopes": Array<string>; "operator": boolean; "username": string; "accounts": Array<{ "username": string; "operator": boolean; "roles": Array<string> }>; "created_at": string; "confirmed_until": unknown }>
  /** Give the password again, so that dangerous steps are open for ten minutes in this session. */
  postSessionsCurrentConfirm(body: ShapesConfirmation): Promise<{ "csrf": string; "person": { "id": string; "email": string; "name": string; "totp": boolean }; "roles": Array<string>; "scopes": Array<string>; "operator": boolean; "username": string; "accounts": Array<{ "username": string; "operator": boolean; "roles": Array<string> }>; "created_at": string; "confirmed_until": string }>
  /** Take a CSV or XLSX in, raw or as the file of a form; 202: its check begins. */
  postUploads(given?: { 'channel'?: string; 'lane'?: string; 'name'?: string } & Once): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": unknown; "encoding": unknown; "delimiter": unknown; "sheet": unknown; "sheets": Array<unknown>; "header_row": unknown; "columns": Array<unknown>; "mapping": Record<string, unknown>; "suggested": boolean; "content": unknown; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": unknown; "accepted": number; "refused": number; "created_by": string; "sent_by": unknown; "created_at": string; "updated_at": string; "sent_at": unknown; "ended_at": unknown; "erased_at": string }>
  /** Send no more of it; what was accepted goes on, and can be cancelled by its requests. */
  postUploadsByIdCancel(id: string, given?: Once): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": string; "encoding": string; "delimiter": string; "sheet": unknown; "sheets": Array<unknown>; "header_row": number; "columns": Array<string>; "mapping": Record<string, unknown>; "suggested": boolean; "content": Record<string, unknown>; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": string; "accepted": number; "refused": number; "created_by": string; "sent_by": string; "created_at": string; "updated_at": string; "sent_at": string; "ended_at": string; "erased_at": string }>
  /** Stop sending for now; what was accepted goes on. */
  postUploadsByIdPause(id: string, given?: Once): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": string; "encoding": string; "delimiter": string; "sheet": unknown; "sheets": Array<unknown>; "header_row": number; "columns": Array<string>; "mapping": Record<string, unknown>; "suggested": boolean; "content": Record<string, unknown>; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": string; "accepted": number; "refused": number; "created_by": string; "sent_by": string; "created_at": string; "updated_at": string; "sent_at": string; "ended_at": unknown; "erased_at": unknown }>
  /** Go on sending. */
  postUploadsByIdResume(id: string, given?: Once): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": string; "encoding": string; "delimiter": string; "sheet": unknown; "sheets": Array<unknown>; "header_row": number; "columns": Array<string>; "mapping": Record<string, unknown>; "suggested": boolean; "content": Record<string, unknown>; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": string; "accepted": number; "refused": number; "created_by": string; "sent_by": string; "created_at": string; "updated_at": string; "sent_at": string; "ended_at": unknown; "erased_at": unknown }>
  /** Send the good rows, as a job. 409 `sent-already` where the same was sent to the same within 24 hours. */
  postUploadsByIdSend(id: string, body: ShapesUploadSend, given?: Once): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": string; "encoding": string; "delimiter": string; "sheet": unknown; "sheets": Array<unknown>; "header_row": number; "columns": Array<string>; "mapping": Record<string, unknown>; "suggested": boolean; "content": Record<string, unknown>; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": string; "accepted": number; "refused": number; "created_by": string; "sent_by": string; "created_at": string; "updated_at": string; "sent_at": string; "ended_at": unknown; "erased_at": unknown }>
  /** What the handset would show. */
  previewTemplate(code: string, body: TemplatePreview, given?: { 'channel'?: ChannelName }): Promise<TemplatePreviewed>
  /** Change the log level of a process, or of a logger or instance of it: within 15 s; it ends by itself. */
  putAdminFunctionsByNameLogLevel(name: string, body: FunctionsLevel, given?: { 'dry_run'?: string }): Promise<{ "level": string; "minutes": number; "logger": string; "instance": string; "reason": string; "process": string; "until": string }>
  /** Another password; all other sessions end, and links to a new one are dead. */
  putMePassword(body: ShapesChangedPassword): Promise<void>
  /** Begin to use it, proved by a code; answers the recovery codes, once. All other sessions end. */
  putMeTotp(body: ShapesGiven): Promise<{ "recovery_codes": Array<string> }>
  /** Go on in another account of the same person. */
  putSessionsCurrent(body: ShapesChoice): Promise<{ "csrf": string; "person": { "id": string; "email": string; "name": string; "totp": boolean }; "roles": Array<string>; "scopes": Array<string>; "operator": boolean; "username": string; "accounts": Array<{ "username": string; "operator": boolean; "roles": Array<string> }>; "created_at": string; "confirmed_until": unknown }>
  /** Say what is to be sent and which column is what; the file is checked anew. */
  putUploadsById(id: string, body: ShapesUploadChange): Promise<{ "id": string; "name": string; "channel": string; "lane": string; "test": boolean; "state": string; "reason": unknown; "version": number; "size": number; "progress": number; "rows": number; "good": number; "faults": number; "twice": number; "opted_out": number; "blank": number; "classes": Record<string, unknown>; "column_faults": Array<unknown>; "kind": unknown; "encoding": unknown; "delimiter": unknown; "sheet": unknown; "sheets": Array<unknown>; "header_row": unknown; "columns": Array<unknown>; "mapping": Record<string, unknown>; "suggested": boolean; "content": Record<string, unknown>; "duplicates": string; "hidden_rows": number; "hidden": string; "restored_zeros": number; "warnings": Array<unknown>; "types": Record<string, unknown>; "price": unknown; "accepted": number; "refused": number; "created_by": string; "sent_by": unknown; "created_at": string; "updated_at": string; "sent_at": unknown; "ended_at": unknown; "erased_at": string }>
  /** Register a device, or tell that it is there still. */
  registerDevice(body: Registration): Promise<Device>
  /** Send a final message's report again. */
  replayMessage(messageId: string, given?: Once): Promise<Replaying>
  /** Send many final reports again. */
  replayReports(body: Replay, given?: Once): Promise<Replaying>
  /** A new secret for signatures, shown once. */
  rotateCallbackSecret(body?: SecretRotation, given?: Once): Promise<RotatedSecret>
  /** Give it a new secret, shown once. */
  rotateKey(id: string, body?: KeyRotation, given?: Once): Promise<MadeKey>
  /** Send a day's digest now, once more where it was sent before. */
  sendDigest(date: string, given?: Once): Promise<DigestSent>
  /** Send: E-mail. What a client may ask of it, and what holds for each recipient. */
  sendEmail(body: EmailRequest, given?: { 'dry_run'?: boolean; 'messages'?: boolean } & Once): Promise<DryRun>
  /** Send: KakaoTalk (카카오톡): AlimTalk by approved templates, Brand Messages as advertisements. */
  sendKakao(body: KakaoRequest, given?: { 'dry_run'?: boolean; 'messages'?: boolean } & Once): Promise<DryRun>
  /** Send text messages (SMS, LMS, MMS). */
  sendMt(body: MtRequest, given?: { 'dry_run'?: boolean; 'messages'?: boolean } & Once): Promise<DryRun>
  /** Send: Push messages: FCM, APNs and Web Push under one content, to a token or to all devices of a user. */
  sendPush(body: PushRequest, given?: { 'dry_run'?: boolean; 'messages'?: boolean } & Once): Promise<DryRun>
  /** Send: RCS (Rich Communication Suite): texts, cards and carousels with buttons, by the carriers' formats. */
  sendRcs(body: RcsRequest, given?: { 'dry_run'?: boolean; 'messages'?: boolean } & Once): Promise<DryRun>
  /** Hand the newest draft in for review. */
  submitTemplate(code: string, given?: { 'channel'?: ChannelName } & Once): Promise<Template>
  /** Send one signed test call and tell what came back. */
  testCallback(body?: CallbackTest): Promise<CallbackTestAnswer>
  /** Upload an image for later MMS. */
  uploadFile(body: Uint8Array, given?: { 'name'?: string; contentType?: string } & Once): Promise<File>
}
