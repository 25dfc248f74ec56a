/** The menu: what a tenant and an operator see, in groups, with the letter that follows `g`. */
export interface Entry { name: string; to: string; key?: string }
export interface Group { title: string; entries: Entry[] }

export const TENANT: Group[] = [
  { title: "menu.sending", entries: [
    { name: "overview", to: "/", key: "o" }, { name: "send", to: "/send/mt", key: "s" }, { name: "uploads", to: "/uploads", key: "f" }, { name: "requests", to: "/requests", key: "r" },
    { name: "messages", to: "/messages", key: "m" }, { name: "exports", to: "/exports" },
  ] },
  { title: "menu.prepared", entries: [
    { name: "templates", to: "/templates", key: "t" }, { name: "identities", to: "/identities", key: "i" }, { name: "contacts", to: "/contacts", key: "c" }, { name: "groups", to: "/groups" },
    { name: "devices", to: "/devices" }, { name: "optouts", to: "/optouts" }, { name: "consents", to: "/consents" }, { name: "consentCheck", to: "/check" }, { name: "suppressions", to: "/suppressions" },
  ] },
  { title: "menu.account", entries: [
    { name: "keys", to: "/keys", key: "k" }, { name: "callbacks", to: "/callbacks", key: "b" }, { name: "usage", to: "/usage", key: "u" }, { name: "digests", to: "/digests", key: "d" }, { name: "prices", to: "/prices" }, { name: "people", to: "/people", key: "p" },
    { name: "invitations", to: "/invitations" }, { name: "audit", to: "/audit" }, { name: "docs", to: "/docs" },
  ] },
];

export const OPERATOR: Group[] = [
  { title: "menu.now", entries: [
    { name: "wall", to: "/admin", key: "w" }, { name: "flow", to: "/admin/flow", key: "f" }, { name: "alarms", to: "/admin/alarms", key: "a" }, { name: "alarmHistory", to: "/admin/alarm-history" }, { name: "stops", to: "/admin/stops" },
    { name: "lanes", to: "/admin/lanes", key: "l" }, { name: "vendors", to: "/admin/vendors", key: "v" },
    { name: "functions", to: "/admin/functions", key: "u" }, { name: "logs", to: "/admin/logs", key: "e" }, { name: "journal", to: "/admin/journal" },
  ] },
  { title: "menu.work", entries: [
    { name: "approvals", to: "/admin/approvals", key: "p" }, { name: "templateApprovals", to: "/admin/template-approvals", key: "t" },
    { name: "dead", to: "/admin/dead", key: "d" }, { name: "deadGroups", to: "/admin/dead-groups" }, { name: "due", to: "/admin/due" },
    { name: "retries", to: "/admin/retries" }, { name: "uncertain", to: "/admin/uncertain" }, { name: "allMessages", to: "/admin/messages", key: "m" },
    { name: "jobs", to: "/admin/jobs" },
  ] },
  { title: "menu.installation", entries: [
    { name: "accounts", to: "/admin/accounts", key: "c" }, { name: "adminPeople", to: "/admin/people" }, { name: "adminPrices", to: "/admin/prices" },
    { name: "adminAudit", to: "/admin/audit" }, { name: "kafka", to: "/admin/kafka" }, { name: "redis", to: "/admin/redis" }, { name: "mysql", to: "/admin/mysql" },
    { name: "docs", to: "/docs" },
  ] },
];
