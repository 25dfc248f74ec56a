// Generated from docs/openapi.yaml by `make clients`: change local/clients, not this file.
/** What the API refused: `status`, `type`, `title`, `detail`, `errors` with a pointer each (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(`${status} ${body.title ?? ''}: ${body.detail ?? ''}`)
    this.name = 'Problem'
    this.status = status
    this.body = body
    this.type = String(body.type ?? '').split('/').pop()
    this.errors = body.errors ?? []
  }
}

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000))

/** Calls with one key. What makes or changes something carries an Idempotency-Key, so it may be tried again. */
export class Ims {
  constructor(key, baseUrl = 'http://127.0.0.1:30001', { timeout = 30, tries = 4 } = {}) {
    Object.assign(this, { key, baseUrl: baseUrl.replace(/\/$/, ''), timeout, tries })
  }

  /** All items of a list, page by page. */
  async *pages(operation, query = {}) {
    let cursor
    do {
      const page = await operation.call(this, cursor ? { ...query, cursor } : query)
      yield* page.items
      cursor = page.next
    } while (cursor)
  }

  async call(method, path, { query = {}, body, headers = {}, once } = {}) {
    const url = new URL(this.baseUrl + path)
    for (const [name, value] of Object.entries(query)) if (value != null) url.searchParams.set(name, String(value))
    const sent = { authorization: `Bearer ${this.key}` }
    for (const [name, value] of Object.entries(headers)) if (value != null) sent[name] = String(value)
    if (once !== undefined) sent['idempotency-key'] = once || crypto.randomUUID()
    const raw = body === undefined || body instanceof Uint8Array
    if (!raw) sent['content-type'] = 'application/json'
    const safe = once !== undefined || ['GET', 'PUT', 'DELETE'].includes(method)
    for (let left = safe ? this.tries - 1 : 0; ; left--) {
      let answer
      try {
        const signal = AbortSignal.timeout(this.timeout * 1000)
        answer = await fetch(url, { method, headers: sent, body: raw ? body : JSON.stringify(body), signal })
      } catch (error) {
        if (!left) throw error
        await wait(1)
        continue
      }
      const json = (answer.headers.get('content-type') ?? '').includes('json')
      const said = answer.status === 204 ? undefined : json ? await answer.json() : await answer.text()
      if (answer.ok) return said
      const problem = new Problem(answer.status, json ? said : { title: answer.statusText })
      const waits = [429, 503].includes(answer.status) || problem.type === 'in-flight'
      if (!left || !waits) throw problem
      await wait(Math.min(Number(answer.headers.get('retry-after') ?? 1), 30))
    }
  }

  /** Let the account speak as this. */
  adminApproveIdentity(id, body, given = {}) {
    return this.call('POST', `/v1/admin/identities/${encodeURIComponent(id)}/approve`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Let messages use the newest version. */
  adminApproveTemplate(id, body, given = {}) {
    return this.call('POST', `/v1/admin/templates/${encodeURIComponent(id)}/approve`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Make a key for an account, also one that may make others. */
  adminCreateKey(username, body, given = {}) {
    return this.call('POST', `/v1/admin/accounts/${encodeURIComponent(username)}/keys`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Revoke a key of an account. */
  adminDeleteKey(username, id) {
    return this.call('DELETE', `/v1/admin/accounts/${encodeURIComponent(username)}/keys/${encodeURIComponent(id)}`)
  }

  /** One identity of any account. */
  adminGetIdentity(id) {
    return this.call('GET', `/v1/admin/identities/${encodeURIComponent(id)}`)
  }

  /** How secrets stand in MySQL. */
  adminGetSecrets() {
    return this.call('GET', `/v1/admin/secrets`)
  }

  /** Identities of all accounts, oldest first. */
  adminListIdentities(given = {}) {
    return this.call('GET', `/v1/admin/identities`, { query: { 'channel': given['channel'], 'kind': given['kind'], 'state': given['state'], 'value': given['value'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The keys of an account. */
  adminListKeys(username, given = {}) {
    return this.call('GET', `/v1/admin/accounts/${encodeURIComponent(username)}/keys`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Templates of all accounts, oldest first. */
  adminListTemplates(given = {}) {
    return this.call('GET', `/v1/admin/templates`, { query: { 'channel': given['channel'], 'code': given['code'], 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Refuse it, with the reason that the account reads. */
  adminRejectIdentity(id, body, given = {}) {
    return this.call('POST', `/v1/admin/identities/${encodeURIComponent(id)}/reject`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Refuse the newest version, with the reason. */
  adminRejectTemplate(id, body, given = {}) {
    return this.call('POST', `/v1/admin/templates/${encodeURIComponent(id)}/reject`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Seal anew, by the first key, what an older key sealed or what is in clear. */
  adminRotateSecrets() {
    return this.call('POST', `/v1/admin/secrets/rotate`)
  }

  /** Cancel what has not left. */
  cancelRequest(requestId, given = {}) {
    return this.call('POST', `/v1/requests/${encodeURIComponent(requestId)}/cancel`, { once: given.idempotencyKey ?? '' })
  }

  /** Change where reports go. */
  changeCallbacks(body) {
    return this.call('PUT', `/v1/callbacks`, { body })
  }

  /** Have a digest of each day's failures sent the next morning, or stop it. */
  changeDigestSettings(body) {
    return this.call('PUT', `/v1/digests`, { body })
  }

  /** Change its settings or proof. */
  changeIdentity(id, body, given = {}) {
    return this.call('PUT', `/v1/identities/${encodeURIComponent(id)}`, { body, headers: { 'if-match': given.ifMatch } })
  }

  /** Set the fallback that requests get which name none, by lane. */
  changeMe(body) {
    return this.call('PUT', `/v1/me`, { body })
  }

  /** Move a reservation until it leaves. */
  changeRequest(requestId, body) {
    return this.call('PATCH', `/v1/requests/${encodeURIComponent(requestId)}`, { body })
  }

  /** Make the next draft. */
  changeTemplate(code, body, given = {}) {
    return this.call('PUT', `/v1/templates/${encodeURIComponent(code)}`, { body, query: { 'channel': given['channel'] }, headers: { 'if-match': given.ifMatch } })
  }

  /** Look a domain's DNS records up. */
  checkIdentity(id) {
    return this.call('POST', `/v1/identities/${encodeURIComponent(id)}/check`)
  }

  /** Ask for a list as a CSV file. */
  createExport(body, given = {}) {
    return this.call('POST', `/v1/exports`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Ask for a sender number, profile, domain, app, brand or chatbot. */
  createIdentity(body, given = {}) {
    return this.call('POST', `/v1/identities`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Make a key; its secret is shown once. */
  createKey(body, given = {}) {
    return this.call('POST', `/v1/keys`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Ask for a sender number. */
  createSender(body, given = {}) {
    return this.call('POST', `/v1/senders`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Make a first draft. */
  createTemplate(body, given = {}) {
    return this.call('POST', `/v1/templates`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Tell people of an alarm again. */
  deleteAdminAlarmsByIdMute(id) {
    return this.call('DELETE', `/v1/admin/alarms/${encodeURIComponent(id)}/mute`)
  }

  /** End all changes of a process's log level now; it counts within 15 s. */
  deleteAdminFunctionsByNameLogLevel(name) {
    return this.call('DELETE', `/v1/admin/functions/${encodeURIComponent(name)}/log-level`)
  }

  /** Take one out. */
  deleteAdminPeopleById(id) {
    return this.call('DELETE', `/v1/admin/people/${encodeURIComponent(id)}`)
  }

  /** Take an invitation back. */
  deleteAdminPeopleInvitationsById(id) {
    return this.call('DELETE', `/v1/admin/people/invitations/${encodeURIComponent(id)}`)
  }

  /** Erase a contact; opt-outs and consents of its addresses stay. */
  deleteContactsById(id) {
    return this.call('DELETE', `/v1/contacts/${encodeURIComponent(id)}`)
  }

  /** Forget one device. */
  deleteDevice(id) {
    return this.call('DELETE', `/v1/devices/${encodeURIComponent(id)}`)
  }

  /** Forget all devices of a user. */
  deleteDevices(given = {}) {
    return this.call('DELETE', `/v1/devices`, { query: { 'user': given['user'] } })
  }

  /** Delete it with its file. */
  deleteExport(id) {
    return this.call('DELETE', `/v1/exports/${encodeURIComponent(id)}`)
  }

  /** Remove a file that no message needs. */
  deleteFile(id) {
    return this.call('DELETE', `/v1/files/${encodeURIComponent(id)}`)
  }

  /** Delete a group; its members stay contacts, and what has been accepted for it goes on. */
  deleteGroupsById(id) {
    return this.call('DELETE', `/v1/groups/${encodeURIComponent(id)}`)
  }

  /** Remove it. */
  deleteIdentity(id) {
    return this.call('DELETE', `/v1/identities/${encodeURIComponent(id)}`)
  }

  /** Revoke it. */
  deleteKey(id) {
    return this.call('DELETE', `/v1/keys/${encodeURIComponent(id)}`)
  }

  /** Do without it; operators cannot. All other sessions end. */
  deleteMeTotp() {
    return this.call('DELETE', `/v1/me/totp`)
  }

  /** Let messages go again, with what the account knows it by; the opt-out stays in the history. */
  deleteOptoutsById(id, body) {
    return this.call('DELETE', `/v1/optouts/${encodeURIComponent(id)}`, { body })
  }

  /** Take one out; within 10 s all of that person's sessions here have ended. */
  deletePeopleById(id) {
    return this.call('DELETE', `/v1/people/${encodeURIComponent(id)}`)
  }

  /** Take an invitation back. */
  deletePeopleInvitationsById(id) {
    return this.call('DELETE', `/v1/people/invitations/${encodeURIComponent(id)}`)
  }

  /** Remove a sender number. */
  deleteSender(id) {
    return this.call('DELETE', `/v1/senders/${encodeURIComponent(id)}`)
  }

  /** Sign out everywhere else. */
  deleteSessions() {
    return this.call('DELETE', `/v1/sessions`)
  }

  /** Sign out in one place. */
  deleteSessionsById(id) {
    return this.call('DELETE', `/v1/sessions/${encodeURIComponent(id)}`)
  }

  /** Sign out. */
  deleteSessionsCurrent() {
    return this.call('DELETE', `/v1/sessions/current`)
  }

  /** Remove a template with its versions. */
  deleteTemplate(code, given = {}) {
    return this.call('DELETE', `/v1/templates/${encodeURIComponent(code)}`, { query: { 'channel': given['channel'] } })
  }

  /** All accounts, in the order in which they were opened. */
  getAdminAccounts(given = {}) {
    return this.call('GET', `/v1/admin/accounts`, { query: { 'username': given['username'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One account, with how much it has reserved. */
  getAdminAccountsByUsername(username) {
    return this.call('GET', `/v1/admin/accounts/${encodeURIComponent(username)}`)
  }

  /** The people of any account. */
  getAdminAccountsByUsernamePeople(username, given = {}) {
    return this.call('GET', `/v1/admin/accounts/${encodeURIComponent(username)}/people`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Alarms that fire, that will if it lasts (`pending`), and that ended lately; and the mutes that hold. */
  getAdminAlarms() {
    return this.call('GET', `/v1/admin/alarms`)
  }

  /** What became of alarms: fired, ended, acknowledged, muted, the newest first. */
  getAdminAlarmsHistory(given = {}) {
    return this.call('GET', `/v1/admin/alarms/history`, { query: { 'name': given['name'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** What was done in the whole installation. */
  getAdminAudit(given = {}) {
    return this.call('GET', `/v1/admin/audit`, { query: { 'actor': given['actor'], 'action': given['action'], 'object': given['object'], 'since': given['since'], 'until': given['until'], 'username': given['username'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The same as a CSV file, of at most 100,000 rows; the look itself is noted. */
  getAdminAuditExport(given = {}) {
    return this.call('GET', `/v1/admin/audit/export`, { query: { 'actor': given['actor'], 'action': given['action'], 'object': given['object'], 'since': given['since'], 'until': given['until'], 'username': given['username'], 'purpose': given['purpose'] } })
  }

  /** Walk the chain; `broken_at` is the first row that is missing, changed or out of place. */
  getAdminAuditVerify() {
    return this.call('GET', `/v1/admin/audit/verify`)
  }

  /** Dead letters, the newest first. */
  getAdminDead(given = {}) {
    return this.call('GET', `/v1/admin/dead`, { query: { 'state': given['state'], 'topic': given['topic'], 'reason': given['reason'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One, with its record (numbers masked). Looking at it stands in the audit. */
  getAdminDeadById(id) {
    return this.call('GET', `/v1/admin/dead/${encodeURIComponent(id)}`)
  }

  /** Those that wait, by topic and reason, with how many and since when. */
  getAdminDeadGroups() {
    return this.call('GET', `/v1/admin/dead/groups`)
  }

  /** Work in MySQL by lane, kind and account. */
  getAdminDue(given = {}) {
    return this.call('GET', `/v1/admin/due`, { query: { 'lane': given['lane'] } })
  }

  /** Every function and bridge, every topic with its rate, every consumer group with its lag and rate. The first look has no rates. */
  getAdminFlow() {
    return this.call('GET', `/v1/admin/flow`)
  }

  /** Every process with its instances. */
  getAdminFunctions() {
    return this.call('GET', `/v1/admin/functions`)
  }

  /** The clock's tasks, and when each last succeeded. */
  getAdminJobs() {
    return this.call('GET', `/v1/admin/jobs`)
  }

  /** The last 1,000 starts, stops and changes of log levels, the newest first. */
  getAdminJournal(given = {}) {
    return this.call('GET', `/v1/admin/journal`, { query: { 'limit': given['limit'] } })
  }

  /** Topics with partitions, replicas and rate, each with the groups that read it. */
  getAdminKafka() {
    return this.call('GET', `/v1/admin/kafka`)
  }

  /** What waits in each lane in MySQL. */
  getAdminLanes() {
    return this.call('GET', `/v1/admin/lanes`)
  }

  /** Errors of all functions' logs as signatures, the latest first. */
  getAdminLogs(given = {}) {
    return this.call('GET', `/v1/admin/logs`, { query: { 'function': given['function'], 'new': given['new'] } })
  }

  /** Messages of all accounts, the newest first, numbers masked; `to` needs `username` and `purpose`. A page may be short and still lead on. */
  getAdminMessages(given = {}) {
    return this.call('GET', `/v1/admin/messages`, { query: { 'username': given['username'], 'to': given['to'], 'purpose': given['purpose'], 'status': given['status'], 'code': given['code'], 'channel': given['channel'], 'vendor': given['vendor'], 'lane': given['lane'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One message of any account, masked, with its trail: where it was, and when. */
  getAdminMessagesByMessageId(messageId) {
    return this.call('GET', `/v1/admin/messages/${encodeURIComponent(messageId)}`)
  }

  /** The longest transaction (its verb and table), how far the replica is behind, and the largest tables. */
  getAdminMysql() {
    return this.call('GET', `/v1/admin/mysql`)
  }

  /** The operators. */
  getAdminPeople(given = {}) {
    return this.call('GET', `/v1/admin/people`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One of them. */
  getAdminPeopleById(id) {
    return this.call('GET', `/v1/admin/people/${encodeURIComponent(id)}`)
  }

  /** Operators who were asked in and have not come yet. */
  getAdminPeopleInvitations(given = {}) {
    return this.call('GET', `/v1/admin/people/invitations`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Prices that were entered, the newest first; where there is none, the vendor's list price holds. */
  getAdminPrices(given = {}) {
    return this.call('GET', `/v1/admin/prices`, { query: { 'channel': given['channel'], 'vendor': given['vendor'] } })
  }

  /** Memory (% of what it may have), who listens to expiry, what waits in the due-set, and lost shards. */
  getAdminRedis() {
    return this.call('GET', `/v1/admin/redis`)
  }

  /** Reports that wait for another try, by their callback's host (of the 20,000 that are due first). */
  getAdminRetries() {
    return this.call('GET', `/v1/admin/retries`)
  }

  /** By channel, who carries new messages, with which share; test keys have vendors of their own. */
  getAdminRoutes() {
    return this.call('GET', `/v1/admin/routes`)
  }

  /** The same of any account, named by `username`; `test=true`: of its test keys. */
  getAdminStats(given = {}) {
    return this.call('GET', `/v1/admin/stats`, { query: { 'username': given['username'], 'test': given['test'], 'by': given['by'], 'step': given['step'], 'since': given['since'], 'until': given['until'] } })
  }

  /** Paused lanes, drained vendor accounts, suspended accounts, muted alarms, changed log levels. */
  getAdminStops() {
    return this.call('GET', `/v1/admin/stops`)
  }

  /** Changes of `topics` (comma-separated, by default all) as server-sent events. It ends after 50 s. */
  getAdminStream(given = {}) {
    return this.call('GET', `/v1/admin/stream`, { query: { 'topics': given['topics'] } })
  }

  /** Every vendor account by channel: breaker, results of the last two hours, share of what is new there. */
  getAdminVendors(given = {}) {
    return this.call('GET', `/v1/admin/vendors`, { query: { 'channel': given['channel'], 'vendor': given['vendor'] } })
  }

  /** What was done in the account, the newest first; also by operators. */
  getAudit(given = {}) {
    return this.call('GET', `/v1/audit`, { query: { 'actor': given['actor'], 'action': given['action'], 'object': given['object'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Where reports go, and how that goes lately. */
  getCallbacks() {
    return this.call('GET', `/v1/callbacks`)
  }

  /** Consents that hold; `due_before`: those that must be confirmed again by then (every two years). */
  getConsents(given = {}) {
    return this.call('GET', `/v1/consents`, { query: { 'to': given['to'], 'channel': given['channel'], 'due_before': given['due_before'], 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Whether an advertisement may go to somebody now, and if not, why not, and from when on it may. */
  getConsentsCheck(given = {}) {
    return this.call('GET', `/v1/consents/check`, { query: { 'to': given['to'], 'channel': given['channel'] } })
  }

  /** The account's contacts: all, the one at an address (`to`), or those in a group. */
  getContacts(given = {}) {
    return this.call('GET', `/v1/contacts`, { query: { 'to': given['to'], 'group': given['group'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One contact. */
  getContactsById(id) {
    return this.call('GET', `/v1/contacts/${encodeURIComponent(id)}`)
  }

  /** What a message says, hop by hop, as it goes to the vendor. */
  getContent(messageId, given = {}) {
    return this.call('GET', `/v1/messages/${encodeURIComponent(messageId)}/content`, { query: { 'purpose': given['purpose'] } })
  }

  /** A day's digest, and how far its sending is. */
  getDigest(date) {
    return this.call('GET', `/v1/digests/${encodeURIComponent(date)}`)
  }

  /** Whether the daily digest of failures comes, how and where. */
  getDigestSettings() {
    return this.call('GET', `/v1/digests`)
  }

  /** One export. */
  getExport(id) {
    return this.call('GET', `/v1/exports/${encodeURIComponent(id)}`)
  }

  /** Its file. */
  getExportFile(id) {
    return this.call('GET', `/v1/exports/${encodeURIComponent(id)}/file`)
  }

  /** One file, without its content. */
  getFile(id) {
    return this.call('GET', `/v1/files/${encodeURIComponent(id)}`)
  }

  /** The account's groups with the number of their members. */
  getGroups(given = {}) {
    return this.call('GET', `/v1/groups`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One group. */
  getGroupsById(id) {
    return this.call('GET', `/v1/groups/${encodeURIComponent(id)}`)
  }

  /** One identity. */
  getIdentity(id) {
    return this.call('GET', `/v1/identities/${encodeURIComponent(id)}`)
  }

  /** To what, by whom and as what one is invited. */
  getInvitationsByToken(token) {
    return this.call('GET', `/v1/invitations/${encodeURIComponent(token)}`)
  }

  /** One key. */
  getKey(id) {
    return this.call('GET', `/v1/keys/${encodeURIComponent(id)}`)
  }

  /** The account behind the key, with what holds for it. */
  getMe() {
    return this.call('GET', `/v1/me`)
  }

  /** One message with its trail and its callback. */
  getMessage(messageId) {
    return this.call('GET', `/v1/messages/${encodeURIComponent(messageId)}`)
  }

  /** Recipients who want no messages; `state=ended` or `all` shows the history. */
  getOptouts(given = {}) {
    return this.call('GET', `/v1/optouts`, { query: { 'to': given['to'], 'channel': given['channel'], 'scope': given['scope'], 'source': given['source'], 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One opt-out, also an ended one. */
  getOptoutsById(id) {
    return this.call('GET', `/v1/optouts/${encodeURIComponent(id)}`)
  }

  /** The account's people. */
  getPeople(given = {}) {
    return this.call('GET', `/v1/people`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One of them. */
  getPeopleById(id) {
    return this.call('GET', `/v1/people/${encodeURIComponent(id)}`)
  }

  /** Who was asked in and has not come yet. */
  getPeopleInvitations(given = {}) {
    return this.call('GET', `/v1/people/invitations`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** A request with its messages counted by state. */
  getRequest(requestId) {
    return this.call('GET', `/v1/requests/${encodeURIComponent(requestId)}`)
  }

  /** Messages and requests with this id, `ref`, `request_ref`, vendor's reference or recipient (numbers in any writing); exact ids come first, then by name, the newest first, at most 20 each. `looked_at` says which names the text could be. */
  getSearch(given = {}) {
    return this.call('GET', `/v1/search`, { query: { 'q': given['q'] } })
  }

  /** One sender number. */
  getSender(id) {
    return this.call('GET', `/v1/senders/${encodeURIComponent(id)}`)
  }

  /** All places where the caller is signed in. */
  getSessions() {
    return this.call('GET', `/v1/sessions`)
  }

  /** Who is signed in here, with what it may do now; renews the cookie. */
  getSessionsCurrent() {
    return this.call('GET', `/v1/sessions/current`)
  }

  /** Messages of the account by the time of their acceptance; a test key sees those of test keys. */
  getStats(given = {}) {
    return this.call('GET', `/v1/stats`, { query: { 'by': given['by'], 'step': given['step'], 'since': given['since'], 'until': given['until'] } })
  }

  /** One of them. */
  getSuppression(id) {
    return this.call('GET', `/v1/suppressions/${encodeURIComponent(id)}`)
  }

  /** The newest version, and the number of the one in use. */
  getTemplate(code, given = {}) {
    return this.call('GET', `/v1/templates/${encodeURIComponent(code)}`, { query: { 'channel': given['channel'] } })
  }

  /** The account's files, the newest first. */
  getUploads(given = {}) {
    return this.call('GET', `/v1/uploads`, { query: { 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** One file, with how far its check or sending is, and which like it were sent within a day. */
  getUploadsById(id) {
    return this.call('GET', `/v1/uploads/${encodeURIComponent(id)}`)
  }

  /** Why rows cannot be sent, by row, column and value; `?class=` one kind, `twice` and `opted_out` too. As text/csv (or `?format=csv`). */
  getUploadsByIdFaults(id, given = {}) {
    return this.call('GET', `/v1/uploads/${encodeURIComponent(id)}/faults`, { query: { 'class': given['class'], 'format': given['format'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** What became of each good row, as CSV. */
  getUploadsByIdResults(id) {
    return this.call('GET', `/v1/uploads/${encodeURIComponent(id)}/results`)
  }

  /** One row, by its number in the sheet: as it would be sent, or why it would not. */
  getUploadsByIdRowsByN(id, n) {
    return this.call('GET', `/v1/uploads/${encodeURIComponent(id)}/rows/${encodeURIComponent(n)}`)
  }

  /** What limits the account, and how much of it is used. */
  getUsage() {
    return this.call('GET', `/v1/usage`)
  }

  /** Let an address be mailed again. */
  liftSuppression(id, body) {
    return this.call('DELETE', `/v1/suppressions/${encodeURIComponent(id)}`, { body })
  }

  /** Tries of reports, newest first, with what the callback answered. */
  listAttempts(given = {}) {
    return this.call('GET', `/v1/callbacks/attempts`, { query: { 'outcome': given['outcome'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Devices of a user, or all; a test key has its own. */
  listDevices(given = {}) {
    return this.call('GET', `/v1/devices`, { query: { 'user': given['user'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The account's exports, newest first. */
  listExports(given = {}) {
    return this.call('GET', `/v1/exports`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The account's files, newest first, with what is used of its quota. */
  listFiles(given = {}) {
    return this.call('GET', `/v1/files`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** What the account may speak as, oldest first. */
  listIdentities(given = {}) {
    return this.call('GET', `/v1/identities`, { query: { 'channel': given['channel'], 'kind': given['kind'], 'state': given['state'], 'value': given['value'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The account's keys, without their secrets. */
  listKeys(given = {}) {
    return this.call('GET', `/v1/keys`, { query: { 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Find messages, newest first. */
  listMessages(given = {}) {
    return this.call('GET', `/v1/messages`, { query: { 'to': given['to'], 'ref': given['ref'], 'request_id': given['request_id'], 'channel': given['channel'], 'status': given['status'], 'code': given['code'], 'vendor': given['vendor'], 'lane': given['lane'], 'request_ref': given['request_ref'], 'vendor_ref': given['vendor_ref'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** What a delivered message costs, by channel, type, country and vendor. */
  listPrices(given = {}) {
    return this.call('GET', `/v1/prices`, { query: { 'at': given['at'], 'channel': given['channel'] } })
  }

  /** Final reports in order, none skipped. */
  listReports(given = {}) {
    return this.call('GET', `/v1/reports`, { query: { 'request_id': given['request_id'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Requests, newest first, each with its messages counted by state. */
  listRequests(given = {}) {
    return this.call('GET', `/v1/requests`, { query: { 'lane': given['lane'], 'request_ref': given['request_ref'], 'since': given['since'], 'until': given['until'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** The sender numbers among the identities. */
  listSenders(given = {}) {
    return this.call('GET', `/v1/senders`, { query: { 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Addresses that may not be mailed any more. */
  listSuppressions(given = {}) {
    return this.call('GET', `/v1/suppressions`, { query: { 'to': given['to'], 'channel': given['channel'], 'reason': given['reason'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** All versions, newest first. */
  listTemplateVersions(code, given = {}) {
    return this.call('GET', `/v1/templates/${encodeURIComponent(code)}/versions`, { query: { 'channel': given['channel'] } })
  }

  /** Templates with their newest version, oldest first. */
  listTemplates(given = {}) {
    return this.call('GET', `/v1/templates`, { query: { 'channel': given['channel'], 'code': given['code'], 'state': given['state'], 'limit': given['limit'], 'cursor': given['cursor'] } })
  }

  /** Change an account's limits or callback; it counts within 10 s. */
  patchAdminAccountsByUsername(username, body) {
    return this.call('PATCH', `/v1/admin/accounts/${encodeURIComponent(username)}`, { body })
  }

  /** Change roles or state of one of an account's people. */
  patchAdminAccountsByUsernamePeopleById(username, id, body) {
    return this.call('PATCH', `/v1/admin/accounts/${encodeURIComponent(username)}/people/${encodeURIComponent(id)}`, { body })
  }

  /** Change roles or state of one. */
  patchAdminPeopleById(id, body) {
    return this.call('PATCH', `/v1/admin/people/${encodeURIComponent(id)}`, { body })
  }

  /** Change weight, switch or settings of a vendor account; settings are written and never read. The dry run shows the shares as they would be. */
  patchAdminVendorsByVendorByAccount(vendor, account, body, given = {}) {
    return this.call('PATCH', `/v1/admin/vendors/${encodeURIComponent(vendor)}/${encodeURIComponent(account)}`, { body, query: { 'dry_run': given['dry_run'] } })
  }

  /** Change what is given of a contact. */
  patchContactsById(id, body, given = {}) {
    return this.call('PATCH', `/v1/contacts/${encodeURIComponent(id)}`, { body, headers: { 'if-match': given.ifMatch } })
  }

  /** Rename a group; what has been accepted for it stays as it is. */
  patchGroupsById(id, body, given = {}) {
    return this.call('PATCH', `/v1/groups/${encodeURIComponent(id)}`, { body, headers: { 'if-match': given.ifMatch } })
  }

  /** The same as PUT. */
  patchIdentity(id, body, given = {}) {
    return this.call('PATCH', `/v1/identities/${encodeURIComponent(id)}`, { body, headers: { 'if-match': given.ifMatch } })
  }

  /** Change roles or state of one. */
  patchPeopleById(id, body) {
    return this.call('PATCH', `/v1/people/${encodeURIComponent(id)}`, { body })
  }

  /** Open an account. Its first key: POST …/{username}/keys; its first person: …/people/invitations. */
  postAdminAccounts(body, given = {}) {
    return this.call('POST', `/v1/admin/accounts`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Ask somebody into an account: its first owner. */
  postAdminAccountsByUsernamePeopleInvitations(username, body, given = {}) {
    return this.call('POST', `/v1/admin/accounts/${encodeURIComponent(username)}/people/invitations`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Open a suspended account again; held reservations leave at their times, or now where those have passed. */
  postAdminAccountsByUsernameResume(username, given = {}) {
    return this.call('POST', `/v1/admin/accounts/${encodeURIComponent(username)}/resume`, { query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Close an account to all of its keys and people, until it is resumed; what it had sent goes on to its end. */
  postAdminAccountsByUsernameSuspend(username, body, given = {}) {
    return this.call('POST', `/v1/admin/accounts/${encodeURIComponent(username)}/suspend`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Say that you see to an alarm; it holds until this outage has ended. Others see your name. */
  postAdminAlarmsByIdAcknowledge(id, body, given = {}) {
    return this.call('POST', `/v1/admin/alarms/${encodeURIComponent(id)}/acknowledge`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Tell nobody of an alarm until then, at most 7 days; if it still fires at its end, it is told once. */
  postAdminAlarmsByIdMute(id, body, given = {}) {
    return this.call('POST', `/v1/admin/alarms/${encodeURIComponent(id)}/mute`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Give a waiting letter up; it is removed after 30 days. */
  postAdminDeadByIdDrop(id, body, given = {}) {
    return this.call('POST', `/v1/admin/dead/${encodeURIComponent(id)}/drop`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Publish a dead letter again, as it was, to where it came from; once. */
  postAdminDeadByIdReplay(id, given = {}) {
    return this.call('POST', `/v1/admin/dead/${encodeURIComponent(id)}/replay`, { query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Give up all that wait with a topic or a reason; `count` must be how many there are. */
  postAdminDeadDrop(body, given = {}) {
    return this.call('POST', `/v1/admin/dead/drop`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Replay those that wait with a topic or a reason, at most 200 a call; ?dry_run=true says how many there are. */
  postAdminDeadReplay(body, given = {}) {
    return this.call('POST', `/v1/admin/dead/replay`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Let nothing of a lane leave for vendors, from some seconds after on, for some minutes. */
  postAdminLanesByLanePause(lane, body, given = {}) {
    return this.call('POST', `/v1/admin/lanes/${encodeURIComponent(lane)}/pause`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Let a lane go on: what waited leaves now, but for what has expired. */
  postAdminLanesByLaneResume(lane, given = {}) {
    return this.call('POST', `/v1/admin/lanes/${encodeURIComponent(lane)}/resume`, { query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Ask an operator in by mail. */
  postAdminPeopleInvitations(body, given = {}) {
    return this.call('POST', `/v1/admin/people/invitations`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Enter a price from a moment on, which lies in the future: what was accepted keeps its price. */
  postAdminPrices(body, given = {}) {
    return this.call('POST', `/v1/admin/prices`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Give a vendor account nothing new; what it has goes on, its receipts count, it is asked about the uncertain. */
  postAdminVendorsByVendorByAccountDrain(vendor, account, body, given = {}) {
    return this.call('POST', `/v1/admin/vendors/${encodeURIComponent(vendor)}/${encodeURIComponent(account)}/drain`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Close a vendor account's breakers by hand: its vendor is called again at once. */
  postAdminVendorsByVendorByAccountReset(vendor, account, given = {}) {
    return this.call('POST', `/v1/admin/vendors/${encodeURIComponent(vendor)}/${encodeURIComponent(account)}/reset`, { once: given.idempotencyKey ?? '' })
  }

  /** Whether a vendor's address answers, and how fast; nothing is sent to anybody. */
  postAdminVendorsByVendorByAccountTest(vendor, account, given = {}) {
    return this.call('POST', `/v1/admin/vendors/${encodeURIComponent(vendor)}/${encodeURIComponent(account)}/test`, { once: given.idempotencyKey ?? '' })
  }

  /** Give a vendor account new messages again. */
  postAdminVendorsByVendorByAccountUndrain(vendor, account, body, given = {}) {
    return this.call('POST', `/v1/admin/vendors/${encodeURIComponent(vendor)}/${encodeURIComponent(account)}/undrain`, { body, query: { 'dry_run': given['dry_run'] }, once: given.idempotencyKey ?? '' })
  }

  /** Note what a recipient has agreed to; it takes the place of the consent before, and ends an older opt-out. */
  postConsents(body, given = {}) {
    return this.call('POST', `/v1/consents`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Make a contact; a known address is 409 with its contact's id, or (`merge=true`) adds to that one. */
  postContacts(body, given = {}) {
    return this.call('POST', `/v1/contacts`, { body, query: { 'merge': given['merge'] }, once: given.idempotencyKey ?? '' })
  }

  /** Make a group; contacts name the groups that they are in. */
  postGroups(body, given = {}) {
    return this.call('POST', `/v1/groups`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Come in; who is new gives a name and a password, who is known the password, unless signed in as that person. */
  postInvitationsByToken(token, body) {
    return this.call('POST', `/v1/invitations/${encodeURIComponent(token)}`, { body })
  }

  /** A secret for an authenticator app; it counts once a code of it was shown (PUT). */
  postMeTotp() {
    return this.call('POST', `/v1/me/totp`)
  }

  /** Ten new recovery codes; the ones before are dead. */
  postMeTotpRecovery() {
    return this.call('POST', `/v1/me/totp/recovery`)
  }

  /** Note that a recipient wants no more; it holds within 5 s for all that has not left. 200 when it held already. */
  postOptouts(body, given = {}) {
    return this.call('POST', `/v1/optouts`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Set a password by a link, which works once; every session ends, a second factor stays. */
  postPasswordsByToken(token, body) {
    return this.call('POST', `/v1/passwords/${encodeURIComponent(token)}`, { body })
  }

  /** Ask for a link; 202, whoever it is. */
  postPasswordsReset(body) {
    return this.call('POST', `/v1/passwords/reset`, { body })
  }

  /** Ask somebody in by mail; asked again, the address gets a new link and the one before is dead. */
  postPeopleInvitations(body, given = {}) {
    return this.call('POST', `/v1/people/invitations`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Begin a session; 201 with its cookie. */
  postSessions(body) {
    return this.call('POST', `/v1/sessions`, { body })
  }

  /** Give the password again, so that dangerous steps are open for ten minutes in this session. */
  postSessionsCurrentConfirm(body) {
    return this.call('POST', `/v1/sessions/current/confirm`, { body })
  }

  /** Take a CSV or XLSX in, raw or as the file of a form; 202: its check begins. */
  postUploads(given = {}) {
    return this.call('POST', `/v1/uploads`, { query: { 'channel': given['channel'], 'lane': given['lane'], 'name': given['name'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send no more of it; what was accepted goes on, and can be cancelled by its requests. */
  postUploadsByIdCancel(id, given = {}) {
    return this.call('POST', `/v1/uploads/${encodeURIComponent(id)}/cancel`, { once: given.idempotencyKey ?? '' })
  }

  /** Stop sending for now; what was accepted goes on. */
  postUploadsByIdPause(id, given = {}) {
    return this.call('POST', `/v1/uploads/${encodeURIComponent(id)}/pause`, { once: given.idempotencyKey ?? '' })
  }

  /** Go on sending. */
  postUploadsByIdResume(id, given = {}) {
    return this.call('POST', `/v1/uploads/${encodeURIComponent(id)}/resume`, { once: given.idempotencyKey ?? '' })
  }

  /** Send the good rows, as a job. 409 `sent-already` where the same was sent to the same within 24 hours. */
  postUploadsByIdSend(id, body, given = {}) {
    return this.call('POST', `/v1/uploads/${encodeURIComponent(id)}/send`, { body, once: given.idempotencyKey ?? '' })
  }

  /** What the handset would show. */
  previewTemplate(code, body, given = {}) {
    return this.call('POST', `/v1/templates/${encodeURIComponent(code)}/preview`, { body, query: { 'channel': given['channel'] } })
  }

  /** Change the log level of a process, or of a logger or instance of it: within 15 s; it ends by itself. */
  putAdminFunctionsByNameLogLevel(name, body, given = {}) {
    return this.call('PUT', `/v1/admin/functions/${encodeURIComponent(name)}/log-level`, { body, query: { 'dry_run': given['dry_run'] } })
  }

  /** Another password; all other sessions end, and links to a new one are dead. */
  putMePassword(body) {
    return this.call('PUT', `/v1/me/password`, { body })
  }

  /** Begin to use it, proved by a code; answers the recovery codes, once. All other sessions end. */
  putMeTotp(body) {
    return this.call('PUT', `/v1/me/totp`, { body })
  }

  /** Go on in another account of the same person. */
  putSessionsCurrent(body) {
    return this.call('PUT', `/v1/sessions/current`, { body })
  }

  /** Say what is to be sent and which column is what; the file is checked anew. */
  putUploadsById(id, body) {
    return this.call('PUT', `/v1/uploads/${encodeURIComponent(id)}`, { body })
  }

  /** Register a device, or tell that it is there still. */
  registerDevice(body) {
    return this.call('PUT', `/v1/devices`, { body })
  }

  /** Send a final message's report again. */
  replayMessage(messageId, given = {}) {
    return this.call('POST', `/v1/messages/${encodeURIComponent(messageId)}/report/replay`, { once: given.idempotencyKey ?? '' })
  }

  /** Send many final reports again. */
  replayReports(body, given = {}) {
    return this.call('POST', `/v1/reports/replay`, { body, once: given.idempotencyKey ?? '' })
  }

  /** A new secret for signatures, shown once. */
  rotateCallbackSecret(body, given = {}) {
    return this.call('POST', `/v1/callbacks/secrets/rotate`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Give it a new secret, shown once. */
  rotateKey(id, body, given = {}) {
    return this.call('POST', `/v1/keys/${encodeURIComponent(id)}/rotate`, { body, once: given.idempotencyKey ?? '' })
  }

  /** Send a day's digest now, once more where it was sent before. */
  sendDigest(date, given = {}) {
    return this.call('POST', `/v1/digests/${encodeURIComponent(date)}/send`, { once: given.idempotencyKey ?? '' })
  }

  /** Send: E-mail. What a client may ask of it, and what holds for each recipient. */
  sendEmail(body, given = {}) {
    return this.call('POST', `/v1/email/messages`, { body, query: { 'dry_run': given['dry_run'], 'messages': given['messages'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send: KakaoTalk (카카오톡): AlimTalk by approved templates, Brand Messages as advertisements. */
  sendKakao(body, given = {}) {
    return this.call('POST', `/v1/kakao/messages`, { body, query: { 'dry_run': given['dry_run'], 'messages': given['messages'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send text messages (SMS, LMS, MMS). */
  sendMt(body, given = {}) {
    return this.call('POST', `/v1/mt/messages`, { body, query: { 'dry_run': given['dry_run'], 'messages': given['messages'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send: Push messages: FCM, APNs and Web Push under one content, to a token or to all devices of a user. */
  sendPush(body, given = {}) {
    return this.call('POST', `/v1/push/messages`, { body, query: { 'dry_run': given['dry_run'], 'messages': given['messages'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send: RCS (Rich Communication Suite): texts, cards and carousels with buttons, by the carriers' formats. */
  sendRcs(body, given = {}) {
    return this.call('POST', `/v1/rcs/messages`, { body, query: { 'dry_run': given['dry_run'], 'messages': given['messages'] }, once: given.idempotencyKey ?? '' })
  }

  /** Hand the newest draft in for review. */
  submitTemplate(code, given = {}) {
    return this.call('POST', `/v1/templates/${encodeURIComponent(code)}/submit`, { query: { 'channel': given['channel'] }, once: given.idempotencyKey ?? '' })
  }

  /** Send one signed test call and tell what came back. */
  testCallback(body) {
    return this.call('POST', `/v1/callbacks/test`, { body })
  }

  /** Upload an image for later MMS. */
  uploadFile(body, given = {}) {
    return this.call('POST', `/v1/files`, { body, query: { 'name': given['name'] }, headers: { 'content-type': given.contentType ?? 'application/octet-stream' }, once: given.idempotencyKey ?? '' })
  }
}
