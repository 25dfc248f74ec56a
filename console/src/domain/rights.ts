/** Which of a session's scopes opens what the page offers; the server decides, this only explains. */
export const OWNERS = ["keys:write", "people:write", "audit:read", "exports:write"];

const ROLES: Record<string, string> = {
  "messages:send": "sender", "templates:write": "sender", "contacts:write": "sender", "uploads:write": "sender",
  "content:read": "developer", "reports:replay": "developer", "callbacks:write": "developer", "keys:write": "developer",
  "account:write": "owner", "people:write": "owner", "audit:read": "owner", "exports:write": "owner",
  "operator:change": "operator", "operator:owner": "owner", "operator:audit": "owner",
};

export const may = (scopes: readonly string[], scope: string | undefined): boolean =>
  scope === undefined || scopes.includes(scope);
/** The least role that opens a scope. */
export const roleFor = (scope: string): string => ROLES[scope] ?? "viewer";
