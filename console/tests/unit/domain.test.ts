import { describe, expect, it } from "vitest";
import { count, typeOf } from "@/domain/cp949";
import { dayName, dayStart } from "@/domain/days";
import { draw, short, type Flow } from "@/domain/flowmap";
import { way } from "@/domain/follow";
import { filled, recipientsOf, variablesIn } from "@/domain/recipients";
import { may, roleFor } from "@/domain/rights";
import { meant } from "@/domain/search";
import { FINAL, signOf, toneOf } from "@/domain/states";
import { sortFaults } from "@/api/problem";
import { weekAgoSpan } from "@/features/tenant/overview/useOverview";
import { after } from "@/features/tenant/message/useMessage";
import { bodyOf, startOf } from "@/features/specs";
import { masked, visible } from "@/i18n/format";

describe("what somebody means who searches", () => {
  it.each([
    ["01A2313B-E2A0-765B-8BA3-15DF48000000", "id", "01a2313b-e2a0-765b-8ba3-15df48000000"],
    ["01a2313be2a0765b8ba315df48000000", "id", "01a2313b-e2a0-765b-8ba3-15df48000000"],
    ["+82 10-7777-8888", "to", "01077778888"], ["(02) 1544-1234", "to", "0215441234"], ["1599-1234", "to", "15991234"], ["0082 10 7777 8888", "to", "01077778888"],
    ["hong@client.example", "to", "hong@client.example"], ["user:kim", "to", "user:kim"], ["order-17", "name", "order-17"], ["1234", "name", "1234"],
  ])("%s is %s %s", (text, kind, value) => expect(meant(text)).toEqual({ kind, value }));
  it("nothing is nothing", () => expect(meant("  ")).toBeNull());
});

describe("recipients as people write them", () => {
  it("reads a number, a ref and variables of each line", () => {
    expect(recipientsOf("010-1234-5678, ref=A-1, name=홍길동\n\n  user:kim ;city=서울=강남\n"))
      .toEqual([{ to: "010-1234-5678", ref: "A-1", variables: { name: "홍길동" } }, { to: "user:kim", variables: { city: "서울=강남" } }]);
  });
  it("finds each variable once, and fills in one pass", () => {
    expect(variablesIn("#{a} #{b} #{a}", "#{c d}")).toEqual(["a", "b", "c d"]);
    expect(filled("#{a} #{b}", { a: "#{b}", b: "1" })).toBe("#{b} 1");
    expect(filled("#{missing}")).toBe("#{missing}");
  });
});

describe("bytes as handsets count", () => {
  const known = new Set([..."가나똠"]);
  it("counts one for ASCII, two for Hangul, and names what is not there by its place", () => {
    expect(count("a가\r\n똠", known)).toEqual({ bytes: 6, wrong: [] });
    expect(count("가😀나", known)).toEqual({ bytes: 4, wrong: [{ sign: "😀", at: 2 }] });
  });
  it("composes what a Mac writes apart", () => expect(count("가".normalize("NFD"), known).bytes).toBe(2));
  it.each([[90, "", "sms"], [91, "", "lms"], [1, "s", "lms"], [2001, "", "long"]])("%i bytes with subject %j are %s", (bytes, subject, kind) => expect(typeOf(bytes, subject)).toBe(kind));
});

describe("days of Korea", () => {
  it("begin at 15:00 UTC", () => {
    expect(dayStart(Date.parse("2026-12-01T14:59:59Z"))).toBe("2026-11-30T15:00:00.000Z");
    expect(dayStart(Date.parse("2026-12-01T15:00:00Z"))).toBe("2026-12-01T15:00:00.000Z");
    expect(dayStart(Date.parse("2026-12-01T15:00:00Z"), -7)).toBe("2026-11-24T15:00:00.000Z");
    expect(dayName("2026-12-31T15:00:00Z")).toBe("2027-01-01");
  });
});

describe("the same hours a week ago", () => {
  it("are none in a day's first hour", () => expect(weekAgoSpan(Date.parse("2026-12-01T15:59:59Z"))).toBeNull());
  it("are whole hours of that day of Korea", () =>
    expect(weekAgoSpan(Date.parse("2026-12-01T17:20:00Z"))).toEqual({ since: "2026-11-24T15:00:00.000Z", until: "2026-11-24T17:00:00.000Z" }));
});

describe("the map of the data", () => {
  const flow: Flow = {
    at: "", nodes: [{ name: "route-fast", kind: "function", lanes: [], triggers: [], instances: 1 }, { name: "route-slow", kind: "function", lanes: [], triggers: [], instances: 2 },
      { name: "api_user", kind: "function", lanes: [], triggers: [], instances: 1 }],
    topics: [{ name: "ims.accepted.auth", rate: 2, written: 1 }, { name: "ims.accepted.bulk", rate: null, written: 0 }],
    edges: [{ from: "ims.accepted.auth", to: "route-fast", kind: "reads", lag: 3, rate: 2 }, { from: "ims.accepted.bulk", to: "route-slow", kind: "reads", lag: 10, rate: null }],
  };
  it("draws pools and lanes together, and sums what they know", () => {
    expect(short("ims.send.mt.realtime")).toBe("ims.send.mt");
    const { boxes, lines } = draw(flow);
    expect(boxes.map((b) => [b.id, b.instances, b.lag, b.rate])).toEqual([["route", 3, 13, null], ["ims.accepted", null, null, 2]]);
    expect(lines).toEqual([{ from: "ims.accepted", to: "route", rate: 2, lag: 13 }]);
  });
  it("shows one lane alone, and what is unknown as unknown", () => {
    expect(draw(flow, "bulk").lines).toEqual([{ from: "ims.accepted", to: "route", rate: null, lag: 10 }]);
  });
});

describe("a message's way over the map", () => {
  const at = "2026-12-01T00:00:00Z";
  const accepted = { state: "accepted", at };
  const hop = (state: string, number: number, channel: string) => ({ state, at, hop: number, channel });
  it("goes by the boxes of its channel, and no further than it is", () => {
    expect([...way([accepted, hop("routed", 1, "kakao"), hop("sending", 1, "kakao")], "kakao", "sending")])
      .toEqual(["api_kakao", "ims.accepted", "route", "ims.send.kakao", "send_kakao"]);
  });
  it("comes back by an outcome after the vendor took it, and by the next hop's channel", () => {
    const passed = way([accepted, hop("routed", 1, "kakao"), hop("sent", 1, "kakao"), hop("failed", 1, "kakao"), hop("routed", 2, "mt"), hop("sending", 2, "mt"), hop("sent", 2, "mt"), hop("delivered", 2, "mt")], "kakao", "delivered");
    expect([...passed]).toEqual(expect.arrayContaining(["send_kakao", "ims.outcome", "ims.send.mt", "send_mt", "report"]));
    expect(passed.has("api_mt")).toBe(false);
    expect(way([accepted, hop("sent", 1, "kakao"), hop("failed", 1, "kakao")], "kakao", "sending").has("report")).toBe(false);
  });
  it("ends at once where the first answer was the end, and by a receipt where one came", () => {
    expect(way([accepted, hop("routed", 1, "mt"), hop("failed", 1, "mt")], "mt", "failed").has("ims.outcome")).toBe(false);
    expect(way([accepted, { ...hop("delivered", 1, "mt"), via: "receipt" }], "mt", "delivered").has("api_receipt")).toBe(true);
  });
});

describe("faults find their fields", () => {
  it("by the longest pointer, the rest in the summary", () => {
    const fault = (pointer: string) => ({ pointer, code: "1001", detail: "x" });
    const sorted = sortFaults([fault("/recipients/3/to"), fault("/text"), fault("/textual"), fault("")], ["/recipients", "/recipients/3", "/text"]);
    expect(Object.keys(sorted.byField).sort()).toEqual(["/recipients/3", "/text"]);
    expect(sorted.others.map((f) => f.pointer)).toEqual(["/textual", ""]);
  });
});

describe("forms as the API takes them", () => {
  it("leaves out what is empty and reads each kind", () => {
    const fields = [
      { name: "a" }, { name: "n", type: "number" }, { name: "l", type: "lines" }, { name: "j", type: "json" }, { name: "y", type: "yes" }, { name: "m", type: "many" }, { name: "t", type: "time" }, { name: "e" },
    ] as const;
    expect(bodyOf(fields, { a: "x", n: "12", l: "p\n q \n", j: '{"k": 1}', y: "true", m: "v,w", t: "2026-12-01T09:30", e: " " }))
      .toEqual({ a: "x", n: 12, l: ["p", "q"], j: { k: 1 }, y: true, m: ["v", "w"], t: "2026-12-01T09:30:00+09:00" });
    expect(bodyOf([{ name: "n", type: "number" }, { name: "j", type: "json" }], { n: "many", j: "{" })).toEqual({ n: "many", j: "{" });
    expect(startOf({ name: "roles", from: "roles" }, { roles: ["a", "b"] })).toBe("a,b");
    expect(startOf({ name: "until", type: "time", value: "+2" }, {}, Date.parse("2026-12-01T14:30:00Z"))).toBe("2026-12-02T01:30");
    expect(startOf({ name: "x", from: "limits.x", value: "7" }, { limits: { x: null } })).toBe("7");
  });
});

describe("what is shown", () => {
  it("says each state by sign and colour", () => {
    expect([toneOf("delivered"), signOf("delivered"), toneOf("uncertain"), signOf("uncertain"), toneOf("who knows")]).toEqual(["ok", "✓", "warn", "?", "idle"]);
    expect(FINAL.has("sent")).toBe(false);
  });
  it("masks numbers and addresses, and makes hidden signs visible", () => {
    expect([masked("01012345678"), masked("hong@client.example"), masked("fcm:x")]).toEqual(["010-****-5678", "h***@client.example", "fcm:x"]);
    expect(visible("a‮b")).toBe("a⟨U+202E⟩b");
    expect(visible("<script>")).toBe("<script>");
  });
  it("tells how long after", () => expect([after("2026-12-01T00:00:00Z", "2026-12-01T00:00:00.266Z"), after("2026-12-01T00:00:00Z", "2026-12-01T00:00:04.1Z"), after("2026-12-01T00:00:00Z", null)]).toEqual(["+266 ms", "+4.1 s", ""]));
  it("knows the least role of a scope", () => expect([may(["a"], "a"), may([], "a"), may([], undefined), roleFor("keys:write"), roleFor("x")]).toEqual([true, false, true, "developer", "viewer"]));
});
