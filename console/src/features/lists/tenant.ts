/** Tenants' lists: what a row shows, what may be filtered, and what may be done. */
import { path } from "@/api/client";
import type { Field, List } from "@/features/specs";

export const CHANNELS = ["mt", "kakao", "rcs", "email", "push"];
export const LANES = ["auth", "realtime", "bulk", "ad"];
const ROLES = ["viewer", "sender", "developer", "owner"];
const SCOPES = [
  "messages:send", "messages:read", "content:read", "reports:read", "reports:replay", "callbacks:write", "account:read", "account:write",
  "templates:write", "contacts:write", "uploads:write", "keys:write", "people:write", "audit:read", "exports:write",
];
const ID = (row: Record<string, unknown>): string => String(row.id);
const EVIDENCE: Field = { name: "evidence", type: "long", required: true };
const PERSON: List["columns"] = [
  { field: "email", width: "minmax(200px, 1.5fr)" }, { field: "name" }, { field: "roles", kind: "word" }, { field: "state", kind: "state" },
  { field: "totp", kind: "word" }, { field: "last_seen_at", kind: "time", width: "160px" },
];

export const TENANT_LISTS = {
  messages: {
    at: "/messages", path: "/v1/messages", scope: "messages:read",
    columns: [
      { field: "accepted_at", kind: "time", width: "160px" }, { field: "to", kind: "to" }, { field: "channel", kind: "channel", width: "96px" },
      { field: "type", kind: "word", width: "88px" }, { field: "status", kind: "state", width: "120px" }, { field: "code", kind: "code" },
      { field: "price", kind: "money", width: "88px" }, { field: "ref", kind: "id" },
    ],
    filters: [
      { name: "to" }, { name: "ref" }, { name: "status", choices: ["accepted", "scheduled", "sending", "sent", "delivered", "failed", "expired", "canceled"] },
      { name: "code" }, { name: "channel", choices: CHANNELS }, { name: "lane", choices: LANES }, { name: "vendor" }, { name: "request_id" },
      { name: "request_ref" }, { name: "vendor_ref" }, { name: "since", time: true }, { name: "until", time: true },
    ],
    open: (row) => `/messages/${String(row.message_id)}`,
  },
  requests: {
    at: "/requests", path: "/v1/requests", scope: "messages:read",
    columns: [
      { field: "accepted_at", kind: "time", width: "160px" }, { field: "request_ref", kind: "id" }, { field: "lane", kind: "word", width: "96px" },
      { field: "total", kind: "number", width: "96px" }, { field: "counts", kind: "counts", width: "minmax(220px, 2fr)" },
      { field: "scheduled_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "request_ref" }, { name: "lane", choices: LANES }, { name: "since", time: true }, { name: "until", time: true }],
    further: { name: "messagesOf", to: (row) => `/messages?request_id=${String(row.request_id)}` },
    actions: [
      {
        name: "move", method: "patch", path: (r) => path`/v1/requests/${String(r.request_id)}`, scope: "messages:send",
        when: (r) => r.scheduled_at != null, fields: [{ name: "scheduled_at", type: "time", required: true }],
      },
      {
        name: "cancelRequest", method: "post", path: (r) => path`/v1/requests/${String(r.request_id)}/cancel`, scope: "messages:send",
        danger: true, shows: ["canceled", "arriving"],
      },
      {
        name: "replayReports", method: "post", path: () => "/v1/reports/replay", scope: "reports:replay",
        fixed: (r) => ({ request_id: r.request_id }), shows: ["replaying"],
      },
    ],
  },
  exports: {
    at: "/exports", path: "/v1/exports", scope: "exports:write",
    columns: [
      { field: "created_at", kind: "time", width: "160px" }, { field: "what", kind: "word" }, { field: "purpose" }, { field: "by" },
      { field: "state", kind: "state", width: "110px" }, { field: "rows", kind: "number", width: "96px" }, { field: "expires_at", kind: "time", width: "160px" },
    ],
    create: {
      name: "export", method: "post", path: () => "/v1/exports", scope: "exports:write",
      fields: [
        { name: "what", type: "choice", choices: ["messages", "reports"], required: true, value: "messages" },
        { name: "purpose", type: "long", required: true }, { name: "filter", type: "json", value: "{}" },
      ],
    },
    actions: [
      { name: "download", method: "get", path: (r) => path`/v1/exports/${ID(r)}/file`, scope: "exports:write", when: (r) => r.file != null, file: "export.csv" },
      { name: "remove", method: "delete", path: (r) => path`/v1/exports/${ID(r)}`, scope: "exports:write", danger: true },
    ],
  },
  identities: {
    at: "/identities", path: "/v1/identities", scope: "account:read",
    columns: [
      { field: "value", width: "minmax(200px, 2fr)" }, { field: "channel", kind: "channel", width: "100px" }, { field: "kind", kind: "word", width: "100px" },
      { field: "state", kind: "state", width: "120px" }, { field: "reason" }, { field: "updated_at", kind: "time", width: "160px" },
    ],
    filters: [
      { name: "channel", choices: CHANNELS }, { name: "kind", choices: ["number", "profile", "domain", "app", "brand", "chatbot"] },
      { name: "state", choices: ["pending", "approved", "rejected"] }, { name: "value" },
    ],
    create: {
      name: "register", method: "post", path: () => "/v1/identities", scope: "account:write",
      fields: [
        { name: "channel", type: "choice", choices: CHANNELS, required: true, value: "mt" },
        { name: "kind", type: "choice", choices: ["number", "profile", "domain", "app", "brand", "chatbot"], required: true, value: "number" },
        { name: "value", required: true }, { name: "purpose", type: "choice", choices: ["", "send", "optout"] }, { name: "settings", type: "json" },
      ],
    },
    actions: [
      { name: "checkDns", method: "post", path: (r) => path`/v1/identities/${ID(r)}/check`, scope: "account:write", when: (r) => r.kind === "domain" },
      { name: "remove", method: "delete", path: (r) => path`/v1/identities/${ID(r)}`, scope: "account:write", danger: true },
    ],
  },
  templates: {
    at: "/templates", path: "/v1/templates", scope: "account:read",
    columns: [
      { field: "code", kind: "id" }, { field: "name", width: "minmax(160px, 2fr)" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "state", kind: "state", width: "120px" }, { field: "version", kind: "number", width: "80px" }, { field: "in_use", kind: "number", width: "96px" },
      { field: "updated_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "channel", choices: CHANNELS }, { name: "state", choices: ["draft", "submitted", "in_review", "approved", "rejected"] }, { name: "code" }],
    open: (row) => path`/templates/${String(row.channel)}/${String(row.code)}`,
    create: {
      name: "createTemplate", method: "post", path: () => "/v1/templates", scope: "templates:write",
      fields: [
        { name: "channel", type: "choice", choices: ["kakao", "rcs", "mt", "email", "push"], value: "kakao", required: true }, { name: "code", required: true },
        { name: "name", required: true }, { name: "content", type: "json", required: true, value: '{"sender_key": "", "text": ""}' },
      ],
    },
  },
  uploads: {
    at: "/uploads", path: "/v1/uploads", scope: "messages:read",
    columns: [
      { field: "created_at", kind: "time", width: "160px" }, { field: "name", width: "minmax(180px, 2fr)" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "state", kind: "state", width: "110px" }, { field: "rows", kind: "number", width: "96px" }, { field: "good", kind: "number", width: "96px" },
      { field: "faults", kind: "number", width: "96px" }, { field: "accepted", label: "accepted", kind: "number", width: "96px" },
    ],
    filters: [{ name: "state", choices: ["checking", "checked", "sending", "paused", "done", "canceled"] }],
    open: (row) => `/uploads/${String(row.id)}`,
  },
  contacts: {
    at: "/contacts", path: "/v1/contacts", scope: "account:read",
    columns: [
      { field: "name" }, { field: "addresses.mt", label: "to", kind: "to" }, { field: "addresses.email", label: "email", kind: "to" },
      { field: "groups" }, { field: "tags" }, { field: "updated_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "to" }, { name: "group" }],
    create: {
      name: "addContact", method: "post", path: () => "/v1/contacts?merge=true", scope: "contacts:write",
      fields: [
        { name: "name" }, { name: "addresses", type: "json", required: true, value: '{"mt": ""}' }, { name: "groups", type: "lines" },
        { name: "tags", type: "lines" }, { name: "variables", type: "json" },
      ],
    },
    actions: [
      { name: "rename", method: "patch", path: (r) => path`/v1/contacts/${ID(r)}`, scope: "contacts:write", fields: [{ name: "name", required: true, from: "name" }] },
      { name: "remove", method: "delete", path: (r) => path`/v1/contacts/${ID(r)}`, scope: "contacts:write", danger: true },
    ],
  },
  groups: {
    at: "/groups", path: "/v1/groups", scope: "account:read",
    columns: [{ field: "name" }, { field: "members", kind: "number", width: "120px" }, { field: "updated_at", kind: "time", width: "160px" }],
    create: { name: "addGroup", method: "post", path: () => "/v1/groups", scope: "contacts:write", fields: [{ name: "name", required: true }] },
    actions: [
      { name: "rename", method: "patch", path: (r) => path`/v1/groups/${ID(r)}`, scope: "contacts:write", fields: [{ name: "name", required: true, from: "name" }] },
      { name: "remove", method: "delete", path: (r) => path`/v1/groups/${ID(r)}`, scope: "contacts:write", danger: true },
    ],
  },
  devices: {
    at: "/devices", path: "/v1/devices", scope: "account:read",
    columns: [
      { field: "user" }, { field: "app" }, { field: "platform", kind: "word", width: "100px" }, { field: "state", kind: "state", width: "110px" },
      { field: "why" }, { field: "last_seen_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "user" }],
    actions: [{ name: "remove", method: "delete", path: (r) => path`/v1/devices/${ID(r)}`, scope: "contacts:write", danger: true }],
  },
  optouts: {
    at: "/optouts", path: "/v1/optouts", scope: "account:read", query: { state: "active" },
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "to", kind: "to" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "scope", kind: "word", width: "88px" }, { field: "source", kind: "word", width: "110px" }, { field: "reason" }, { field: "evidence" },
    ],
    filters: [{ name: "to" }, { name: "channel", choices: CHANNELS }, { name: "source" }, { name: "state", choices: ["active", "ended", "all"] }],
    create: {
      name: "addOptout", method: "post", path: () => "/v1/optouts", scope: "contacts:write",
      fields: [
        { name: "to", required: true }, { name: "channel", type: "choice", choices: ["", ...CHANNELS] },
        { name: "scope", type: "choice", choices: ["ads", "all"], value: "ads" }, { name: "reason" }, { name: "evidence", type: "long" },
      ],
    },
    actions: [
      { name: "endOptout", method: "delete", path: (r) => path`/v1/optouts/${ID(r)}`, scope: "contacts:write", danger: true, when: (r) => r.ended_at == null, fields: [EVIDENCE] },
    ],
  },
  consents: {
    at: "/consents", path: "/v1/consents", scope: "account:read",
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "to", kind: "to" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "ads", kind: "word", width: "72px" }, { field: "night_ads", kind: "word", width: "88px" }, { field: "evidence" },
      { field: "due_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "to" }, { name: "channel", choices: CHANNELS }, { name: "due_before", time: true }, { name: "state", choices: ["active", "ended", "all"] }],
    create: {
      name: "addConsent", method: "post", path: () => "/v1/consents", scope: "contacts:write",
      fields: [
        { name: "to", required: true }, { name: "channel", type: "choice", choices: CHANNELS, value: "mt", required: true },
        { name: "ads", type: "yes", value: "true" }, { name: "night_ads", type: "yes" }, EVIDENCE, { name: "at", type: "time" },
      ],
    },
  },
  suppressions: {
    at: "/suppressions", path: "/v1/suppressions", scope: "account:read",
    columns: [
      { field: "created_at", kind: "time", width: "160px" }, { field: "to", kind: "to", width: "minmax(200px, 2fr)" },
      { field: "channel", kind: "channel", width: "100px" }, { field: "reason", kind: "word" }, { field: "code", kind: "code" }, { field: "detail" },
    ],
    filters: [{ name: "to" }, { name: "channel", choices: CHANNELS }, { name: "reason" }],
    actions: [{ name: "remove", method: "delete", path: (r) => path`/v1/suppressions/${ID(r)}`, scope: "account:write", danger: true, fields: [EVIDENCE] }],
  },
  keys: {
    at: "/keys", path: "/v1/keys", scope: "keys:write",
    columns: [
      { field: "name" }, { field: "hint", kind: "id" }, { field: "kind", kind: "state", width: "88px" }, { field: "scopes", kind: "word", width: "minmax(160px, 2fr)" },
      { field: "last_used_at", kind: "time", width: "160px" }, { field: "expires_at", kind: "time", width: "160px" },
    ],
    create: {
      name: "createKey", method: "post", path: () => "/v1/keys", scope: "keys:write", shows: ["key"],
      fields: [
        { name: "name", required: true }, { name: "kind", type: "choice", choices: ["live", "test"], value: "test", required: true },
        { name: "scopes", type: "many", choices: SCOPES, value: "messages:send,messages:read", required: true },
        { name: "ip_allow", type: "lines" }, { name: "expires_at", type: "time" },
      ],
    },
    actions: [
      {
        name: "rotate", method: "post", path: (r) => path`/v1/keys/${ID(r)}/rotate`, scope: "keys:write", shows: ["key"],
        fields: [{ name: "overlap_seconds", type: "number", value: "3600" }],
      },
      { name: "revoke", method: "delete", path: (r) => path`/v1/keys/${ID(r)}`, scope: "keys:write", danger: true },
    ],
  },
  prices: {
    at: "/prices", path: "/v1/prices", scope: "account:read", unpaged: true,
    columns: [
      { field: "channel", kind: "channel" }, { field: "type", kind: "word" }, { field: "country" }, { field: "vendor" },
      { field: "price", kind: "money" }, { field: "highest", kind: "money" }, { field: "unit", kind: "word" },
    ],
    filters: [{ name: "channel", choices: CHANNELS }],
  },
  people: {
    at: "/people", path: "/v1/people", scope: "people:write", columns: PERSON,
    create: {
      name: "invite", method: "post", path: () => "/v1/people/invitations", scope: "people:write",
      fields: [{ name: "email", required: true }, { name: "roles", type: "many", choices: ROLES, value: "viewer", required: true }],
    },
    actions: [
      { name: "changeRoles", method: "patch", path: (r) => path`/v1/people/${ID(r)}`, scope: "people:write", fields: [{ name: "roles", type: "many", choices: ROLES, from: "roles", required: true }] },
      { name: "remove", method: "delete", path: (r) => path`/v1/people/${ID(r)}`, scope: "people:write", danger: true },
    ],
  },
  invitations: {
    at: "/invitations", path: "/v1/people/invitations", scope: "people:write",
    columns: [
      { field: "email", width: "minmax(200px, 2fr)" }, { field: "roles", kind: "word" }, { field: "invited_by" }, { field: "state", kind: "state", width: "110px" },
      { field: "expires_at", kind: "time", width: "160px" },
    ],
    actions: [{ name: "withdraw", method: "delete", path: (r) => path`/v1/people/invitations/${ID(r)}`, scope: "people:write", danger: true }],
  },
  audit: {
    at: "/audit", path: "/v1/audit", scope: "audit:read",
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "actor.name", label: "actor" }, { field: "from", kind: "id", width: "130px" },
      { field: "action", kind: "id" }, { field: "object", kind: "id" }, { field: "purpose" },
    ],
    filters: [{ name: "actor" }, { name: "action" }, { name: "object" }, { name: "since", time: true }, { name: "until", time: true }],
  },
} as const satisfies Record<string, List>;
