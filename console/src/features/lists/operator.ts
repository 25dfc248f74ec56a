/** Operators' lists. */
import { path } from "@/api/client";
import type { Field, List, Row } from "@/features/specs";
import { CHANNELS, LANES } from "./tenant";

const ID = (row: Row): string => String(row.id);
const WHY: Field = { name: "reason", type: "long", required: true };
const VENDOR = (row: Row): string => path`/v1/admin/vendors/${String(row.vendor)}/${String(row.account)}`;
const ACCOUNT = (row: Row): string => path`/v1/admin/accounts/${String(row.username)}`;

export const OPERATOR_LISTS = {
  alarms: {
    at: "/admin/alarms", path: "/v1/admin/alarms", scope: "operator:read", unpaged: true,
    columns: [
      { field: "name", width: "minmax(180px, 1.5fr)" }, { field: "subject" }, { field: "severity", kind: "state", width: "110px" },
      { field: "state", kind: "state", width: "110px" }, { field: "text", width: "minmax(200px, 2fr)" }, { field: "since", kind: "time", width: "160px" },
      { field: "muted.until", label: "muted_until", kind: "time", width: "160px" },
    ],
    actions: [
      { name: "mute", key: "m", method: "post", path: (r) => path`/v1/admin/alarms/${ID(r)}/mute`, scope: "operator:change", fields: [{ name: "until", type: "time", value: "+2", required: true }, WHY] },
      { name: "unmute", method: "delete", path: (r) => path`/v1/admin/alarms/${ID(r)}/mute`, scope: "operator:change", when: (r) => r.muted != null },
      { name: "acknowledge", key: "a", method: "post", path: (r) => path`/v1/admin/alarms/${ID(r)}/acknowledge`, scope: "operator:change", fixed: () => ({}) },
    ],
  },
  alarmHistory: {
    at: "/admin/alarm-history", path: "/v1/admin/alarms/history", scope: "operator:read",
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "name" }, { field: "subject" }, { field: "event", kind: "state", width: "130px" },
      { field: "text", width: "minmax(200px, 2fr)" }, { field: "by" },
    ],
    filters: [{ name: "name" }],
  },
  stops: {
    at: "/admin/stops", path: "/v1/admin/stops", scope: "operator:read", unpaged: true,
    columns: [
      { field: "kind", kind: "word" }, { field: "object" }, { field: "reason", width: "minmax(200px, 2fr)" }, { field: "by" },
      { field: "since", kind: "time", width: "160px" }, { field: "until", kind: "time", width: "160px" },
    ],
  },
  lanes: {
    at: "/admin/lanes", path: "/v1/admin/lanes", scope: "operator:read", unpaged: true,
    columns: [
      { field: "lane", kind: "word" }, { field: "paused.until", label: "paused_until", kind: "time", width: "160px" }, { field: "on_the_way", kind: "number" },
      { field: "overdue", kind: "number" }, { field: "later", kind: "number" }, { field: "for_turn", kind: "number" }, { field: "for_room", kind: "number" },
      { field: "for_pause", kind: "number" },
    ],
    actions: [
      {
        name: "pause", method: "post", path: (r) => path`/v1/admin/lanes/${String(r.lane)}/pause`, scope: "operator:change", danger: true, dryRun: true,
        when: (r) => r.paused == null, fields: [WHY, { name: "until", type: "time" }],
      },
      { name: "resume", method: "post", path: (r) => path`/v1/admin/lanes/${String(r.lane)}/resume`, scope: "operator:change", when: (r) => r.paused != null },
    ],
  },
  vendors: {
    at: "/admin/vendors", path: "/v1/admin/vendors", scope: "operator:read", unpaged: true,
    columns: [
      { field: "vendor" }, { field: "account" }, { field: "channel", kind: "channel", width: "100px" }, { field: "share", kind: "percent", width: "88px" },
      { field: "weight", kind: "number", width: "88px" }, { field: "breaker.state", label: "breaker", kind: "state", width: "120px" },
      { field: "health.results", label: "results", kind: "number", width: "96px" }, { field: "health.success", label: "success", kind: "percent", width: "96px" },
      { field: "drained.reason", label: "drained" },
    ],
    filters: [{ name: "channel", choices: CHANNELS }, { name: "vendor" }],
    actions: [
      {
        name: "weight", method: "patch", path: VENDOR, scope: "operator:change", dryRun: true,
        query: (r) => ({ channel: String(r.channel) }), fields: [{ name: "weight", type: "number", required: true, from: "weight" }],
      },
      { name: "drain", key: "d", method: "post", path: (r) => `${VENDOR(r)}/drain`, scope: "operator:change", danger: true, dryRun: true, when: (r) => r.drained == null, fields: [WHY] },
      { name: "undrain", method: "post", path: (r) => `${VENDOR(r)}/undrain`, scope: "operator:change", when: (r) => r.drained != null, fixed: () => ({}) },
      { name: "resetBreaker", method: "post", path: (r) => `${VENDOR(r)}/reset`, scope: "operator:change" },
      { name: "testVendor", method: "post", path: (r) => `${VENDOR(r)}/test`, scope: "operator:change", shows: ["items"] },
    ],
  },
  functions: {
    at: "/admin/functions", path: "/v1/admin/functions", scope: "operator:read", unpaged: true,
    columns: [
      { field: "name" }, { field: "pool", kind: "word", width: "88px" }, { field: "lanes", kind: "word" }, { field: "state", kind: "state", width: "110px" },
      { field: "replicas.up", label: "replicas", kind: "number", width: "88px" }, { field: "odd_version", kind: "word", width: "110px" },
      { field: "levels", kind: "levels" },
    ],
    actions: [
      {
        name: "logLevel", key: "l", method: "put", path: (r) => path`/v1/admin/functions/${String(r.name)}/log-level`, scope: "operator:change",
        fields: [
          { name: "level", type: "choice", choices: ["debug", "info", "warning", "error"], value: "debug", required: true },
          { name: "minutes", type: "number", value: "15", required: true }, { name: "logger" }, WHY,
        ],
      },
      { name: "endLevel", method: "delete", path: (r) => path`/v1/admin/functions/${String(r.name)}/log-level`, scope: "operator:change", when: (r) => (r.levels as unknown[]).length > 0 },
    ],
  },
  logs: {
    at: "/admin/logs", path: "/v1/admin/logs", scope: "operator:read", unpaged: true,
    columns: [
      { field: "last", kind: "time", width: "160px" }, { field: "function", label: "process" }, { field: "event", width: "minmax(200px, 2fr)" },
      { field: "error", kind: "id" }, { field: "count", kind: "number", width: "88px" }, { field: "new", kind: "word", width: "72px" },
      { field: "first", kind: "time", width: "160px" }, { field: "version", width: "88px" },
    ],
    filters: [{ name: "new", choices: ["true"] }],
  },
  journal: {
    at: "/admin/journal", path: "/v1/admin/journal", scope: "operator:read", unpaged: true,
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "event", kind: "word" }, { field: "process" }, { field: "instance", kind: "id" },
      { field: "version" }, { field: "by" },
    ],
  },
  approvals: {
    at: "/admin/approvals", path: "/v1/admin/identities", scope: "operator:read", query: { state: "pending" },
    columns: [
      { field: "created_at", kind: "time", width: "160px" }, { field: "username" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "kind", kind: "word", width: "100px" }, { field: "value", width: "minmax(180px, 2fr)" }, { field: "state", kind: "state", width: "110px" }, { field: "reason" },
    ],
    filters: [{ name: "state", choices: ["pending", "approved", "rejected"] }, { name: "channel", choices: CHANNELS }, { name: "value" }],
    actions: [
      { name: "approve", key: "a", method: "post", path: (r) => path`/v1/admin/identities/${ID(r)}/approve`, scope: "operator:change", when: (r) => r.state === "pending", fixed: () => ({}) },
      { name: "reject", key: "r", method: "post", path: (r) => path`/v1/admin/identities/${ID(r)}/reject`, scope: "operator:change", when: (r) => r.state === "pending", fields: [WHY], danger: true },
    ],
  },
  templateApprovals: {
    at: "/admin/template-approvals", path: "/v1/admin/templates", scope: "operator:read", query: { state: "submitted" },
    columns: [
      { field: "updated_at", kind: "time", width: "160px" }, { field: "username" }, { field: "channel", kind: "channel", width: "100px" }, { field: "code", kind: "id" },
      { field: "name" }, { field: "version", kind: "number", width: "80px" }, { field: "state", kind: "state", width: "110px" },
    ],
    filters: [{ name: "state", choices: ["submitted", "in_review", "approved", "rejected", "draft"] }, { name: "channel", choices: CHANNELS }, { name: "code" }],
    actions: [
      { name: "approve", key: "a", method: "post", path: (r) => path`/v1/admin/templates/${ID(r)}/approve`, scope: "operator:change", fixed: (r) => ({ version: r.version }) },
      {
        name: "reject", key: "r", method: "post", path: (r) => path`/v1/admin/templates/${ID(r)}/reject`, scope: "operator:change", danger: true,
        fixed: (r) => ({ version: r.version }), fields: [WHY],
      },
    ],
  },
  dead: {
    at: "/admin/dead", path: "/v1/admin/dead", scope: "operator:read",
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "topic", kind: "id" }, { field: "type", kind: "id" }, { field: "reason", width: "minmax(200px, 2fr)" },
      { field: "state", kind: "state", width: "110px" }, { field: "decided_by" },
    ],
    filters: [{ name: "state", choices: ["waiting", "replayed", "dropped"] }, { name: "topic" }, { name: "reason" }],
    actions: [
      { name: "replay", method: "post", path: (r) => path`/v1/admin/dead/${ID(r)}/replay`, scope: "operator:change", dryRun: true, when: (r) => r.state === "waiting" },
      { name: "drop", method: "post", path: (r) => path`/v1/admin/dead/${ID(r)}/drop`, scope: "operator:change", danger: true, dryRun: true, when: (r) => r.state === "waiting", fields: [WHY] },
    ],
  },
  deadGroups: {
    at: "/admin/dead-groups", path: "/v1/admin/dead/groups", scope: "operator:read", unpaged: true,
    columns: [
      { field: "topic", kind: "id" }, { field: "reason", width: "minmax(200px, 2fr)" }, { field: "count", kind: "number", width: "96px" },
      { field: "first", kind: "time", width: "160px" }, { field: "last", kind: "time", width: "160px" },
    ],
    actions: [
      { name: "replayAll", method: "post", path: () => "/v1/admin/dead/replay", scope: "operator:change", dryRun: true, fixed: (r) => ({ topic: r.topic, reason: r.reason }), shows: ["replayed", "left"] },
      {
        name: "dropAll", method: "post", path: () => "/v1/admin/dead/drop", scope: "operator:change", danger: true, dryRun: true,
        fixed: (r) => ({ topic: r.topic, reason: r.reason }), fields: [{ name: "count", type: "number", required: true }, { name: "why", type: "long", required: true }],
      },
    ],
  },
  due: {
    at: "/admin/due", path: "/v1/admin/due", scope: "operator:read", unpaged: true,
    columns: [
      { field: "lane", kind: "word", width: "96px" }, { field: "kind", kind: "word" }, { field: "username" }, { field: "batches", kind: "number", width: "96px" },
      { field: "messages", kind: "number", width: "110px" }, { field: "first", kind: "time", width: "160px" }, { field: "last", kind: "time", width: "160px" },
      { field: "overdue", kind: "word", width: "88px" }, { field: "held", kind: "word", width: "88px" },
    ],
    filters: [{ name: "lane", choices: LANES }],
  },
  retries: {
    at: "/admin/retries", path: "/v1/admin/retries", scope: "operator:read", unpaged: true,
    columns: [
      { field: "host", width: "minmax(200px, 2fr)" }, { field: "username" }, { field: "waiting", kind: "number" }, { field: "attempt", kind: "number" },
      { field: "next", kind: "time", width: "160px" }, { field: "state", kind: "state" },
    ],
  },
  uncertain: {
    at: "/admin/uncertain", path: "/v1/admin/messages", scope: "operator:read", query: { code: "0300" },
    columns: [
      { field: "accepted_at", kind: "time", width: "160px" }, { field: "username" }, { field: "to", kind: "to" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "vendor" }, { field: "status", kind: "state", width: "110px" }, { field: "code", kind: "code" }, { field: "finished_at", kind: "time", width: "160px" },
    ],
  },
  allMessages: {
    at: "/admin/messages", path: "/v1/admin/messages", scope: "operator:read",
    columns: [
      { field: "accepted_at", kind: "time", width: "160px" }, { field: "username" }, { field: "to", kind: "to" }, { field: "channel", kind: "channel", width: "100px" },
      { field: "type", kind: "word", width: "96px" }, { field: "status", kind: "state", width: "110px" }, { field: "code", kind: "code" }, { field: "vendor" },
      { field: "message_id", kind: "id", width: "minmax(200px, 1.5fr)" },
    ],
    filters: [
      { name: "username" }, { name: "to" }, { name: "purpose" }, { name: "status", choices: ["sending", "sent", "delivered", "failed", "expired", "canceled"] },
      { name: "code" }, { name: "channel", choices: CHANNELS }, { name: "vendor" }, { name: "lane", choices: LANES }, { name: "since", time: true }, { name: "until", time: true },
    ],
  },
  jobs: {
    at: "/admin/jobs", path: "/v1/admin/jobs", scope: "operator:read", unpaged: true,
    columns: [{ field: "name" }, { field: "succeeded", kind: "time" }],
  },
  accounts: {
    at: "/admin/accounts", path: "/v1/admin/accounts", scope: "operator:read",
    columns: [
      { field: "username" }, { field: "state", kind: "state", width: "110px" }, { field: "limits.rate_per_second", label: "rate_per_second", kind: "number" },
      { field: "limits.daily_limit", label: "daily_limit", kind: "number" }, { field: "limits.send_window", label: "send_window", kind: "number" },
      { field: "callback.callback_uri", label: "callback_uri" }, { field: "created_at", kind: "time", width: "160px" },
    ],
    filters: [{ name: "username" }],
    create: {
      name: "openAccount", method: "post", path: () => "/v1/admin/accounts", scope: "operator:change",
      fields: [{ name: "username", required: true }, { name: "daily_limit", type: "number" }, { name: "rate_per_second", type: "number" }],
    },
    actions: [
      {
        name: "inviteOwner", method: "post", path: (r) => `${ACCOUNT(r)}/people/invitations`, scope: "operator:change", shows: ["link"],
        fields: [{ name: "email", required: true }, { name: "roles", type: "many", choices: ["owner", "developer", "sender", "viewer"], value: "owner", required: true }],
      },
      {
        name: "limits", method: "patch", path: ACCOUNT, scope: "operator:change",
        fields: [
          { name: "daily_limit", type: "number", from: "limits.daily_limit" }, { name: "rate_per_second", type: "number", from: "limits.rate_per_second" },
          { name: "send_window", type: "number", from: "limits.send_window" },
        ],
      },
      {
        name: "suspend", method: "post", path: (r) => `${ACCOUNT(r)}/suspend`, scope: "operator:change", danger: true, dryRun: true, when: (r) => r.state === "active",
        fields: [WHY, { name: "reservations", type: "choice", choices: ["hold", "cancel"], value: "hold" }],
      },
      { name: "resume", method: "post", path: (r) => `${ACCOUNT(r)}/resume`, scope: "operator:change", when: (r) => r.state !== "active" },
    ],
  },
  adminPeople: {
    at: "/admin/people", path: "/v1/admin/people", scope: "operator:owner",
    columns: [
      { field: "email", width: "minmax(200px, 1.5fr)" }, { field: "name" }, { field: "roles", kind: "word" }, { field: "state", kind: "state" },
      { field: "totp", kind: "word" }, { field: "last_seen_at", kind: "time", width: "160px" },
    ],
    create: {
      name: "invite", method: "post", path: () => "/v1/admin/people/invitations", scope: "operator:owner",
      fields: [{ name: "email", required: true }, { name: "roles", type: "many", choices: ["viewer", "operator", "owner"], value: "viewer", required: true }],
    },
    actions: [
      { name: "changeRoles", method: "patch", path: (r) => path`/v1/admin/people/${ID(r)}`, scope: "operator:owner", fields: [{ name: "roles", type: "many", choices: ["viewer", "operator", "owner"], from: "roles", required: true }] },
      { name: "remove", method: "delete", path: (r) => path`/v1/admin/people/${ID(r)}`, scope: "operator:owner", danger: true },
    ],
  },
  adminPrices: {
    at: "/admin/prices", path: "/v1/admin/prices", scope: "operator:read", unpaged: true,
    columns: [
      { field: "channel", kind: "channel" }, { field: "vendor" }, { field: "account" }, { field: "type", kind: "word" }, { field: "country" },
      { field: "from", kind: "time", width: "160px" }, { field: "amount", kind: "money" }, { field: "state", kind: "word" },
    ],
    filters: [{ name: "channel", choices: CHANNELS }, { name: "vendor" }],
    create: {
      name: "setPrice", method: "post", path: () => "/v1/admin/prices", scope: "operator:owner", dryRun: true,
      fields: [
        { name: "channel", type: "choice", choices: CHANNELS, value: "mt", required: true }, { name: "vendor", required: true }, { name: "account", value: "main", required: true },
        { name: "type", required: true, value: "sms" }, { name: "country", value: "KR" }, { name: "amount", required: true }, { name: "from", type: "time", required: true },
      ],
    },
  },
  adminAudit: {
    at: "/admin/audit", path: "/v1/admin/audit", scope: "operator:audit",
    columns: [
      { field: "at", kind: "time", width: "160px" }, { field: "actor.name", label: "actor" }, { field: "from", kind: "id", width: "130px" }, { field: "username" },
      { field: "action", kind: "id" }, { field: "object", kind: "id" }, { field: "purpose" },
    ],
    filters: [{ name: "username" }, { name: "actor" }, { name: "action" }, { name: "object" }, { name: "since", time: true }, { name: "until", time: true }],
  },
  kafka: {
    at: "/admin/kafka", path: "/v1/admin/kafka", scope: "operator:read", unpaged: true,
    columns: [
      { field: "name", kind: "id", width: "minmax(200px, 2fr)" }, { field: "rate", kind: "number" }, { field: "written", kind: "number" }, { field: "partitions", kind: "number" },
      { field: "without_leader", kind: "number" }, { field: "under_replicated", kind: "number" }, { field: "groups", kind: "groups", width: "minmax(220px, 2fr)" },
    ],
  },
  redis: {
    at: "/admin/redis", path: "/v1/admin/redis", scope: "operator:read", unpaged: true,
    columns: [{ field: "metric", kind: "id" }, { field: "subject" }, { field: "value" }, { field: "detail" }],
  },
  mysql: {
    at: "/admin/mysql", path: "/v1/admin/mysql", scope: "operator:read", unpaged: true,
    columns: [{ field: "table", kind: "id" }, { field: "rows", kind: "number" }, { field: "bytes", kind: "number" }],
  },
} as const satisfies Record<string, List>;
