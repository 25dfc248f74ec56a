import { mount } from "@vue/test-utils";
import { describe, expect, it } from "vitest";
import { Fault } from "@/api/client";
import CellText from "@/design/CellText.vue";
import FieldInput from "@/design/FieldInput.vue";
import MeterBar from "@/design/MeterBar.vue";
import ProblemBox from "@/design/ProblemBox.vue";
import StatusTag from "@/design/StatusTag.vue";
import TextField from "@/design/TextField.vue";
import { i18n } from "@/i18n";

const global = { plugins: [i18n] };

describe("parts of pages", () => {
  it("a state is a sign and a word", () => expect(mount(StatusTag, { props: { state: "failed" }, global }).text()).toBe("✕ 실패"));
  it.each([
    ["money", "8.40", "₩8.4"], ["number", 1234, "1,234"], ["number", null, "–"], ["to", "01012345678", "010-****-5678"], ["code", "4001", "4001 없는 번호입니다"], ["code", "7777", "7777"],
    ["channel", "mt", "문자"], ["word", ["owner", "viewer"], "소유자, 보기"], ["counts", { delivered: 2 }, "전달됨 2"], ["percent", 0.964, "96.4 %"], ["text", "", "–"],
    ["time", "2026-11-30T15:00:00Z", "2026-12-01 00:00:00"],
  ] as const)("a cell of kind %s shows %j as %s", (kind, value, shown) => expect(mount(CellText, { props: { kind, value }, global }).text()).toBe(shown));
  it("a fault says what it is, what to do, and what to quote", () => {
    const retry = (): void => undefined;
    const text = mount(ProblemBox, { props: { fault: new Fault(503, { type: "https://x/problems/unavailable", detail: "later" }, 7.2, "00-abc"), retry }, global }).text();
    for (const part of ["지금은 할 수 없습니다", "later", "8초", "00-abc", "다시 시도"]) expect(text).toContain(part);
  });
  it("who cannot be reached is told that nothing is lost", () => expect(mount(ProblemBox, { props: { fault: new Fault(0, {}) }, global }).text()).toContain("그대로"));
  it("a field names its faults to who cannot see them", () => {
    const field = mount(TextField, { props: { id: "x", label: "L", hint: "H", faults: [{ pointer: "/x", code: "1001", detail: "d" }] }, global });
    expect(field.get("input").attributes()).toMatchObject({ "aria-invalid": "true", "aria-describedby": "x-hint x-fault" });
    expect(field.get("#x-fault").text()).toContain("수신 번호가 올바르지 않습니다");
  });
  it("several choices are written in their order", async () => {
    const field = mount(FieldInput, { props: { id: "r", field: { name: "roles", type: "many" as const, choices: ["viewer", "sender", "owner"] }, modelValue: "owner", "onUpdate:modelValue": (value: string) => field.setProps({ modelValue: value }) }, global });
    await field.findAll("input")[0]!.setValue(true);
    expect(field.props("modelValue")).toBe("viewer,owner");
  });
  it("a meter says its numbers", () => expect(mount(MeterBar, { props: { value: 5, max: 10, label: "하루" }, global }).text()).toBe("하루 5 / 10 (50.0 %)"));
});
