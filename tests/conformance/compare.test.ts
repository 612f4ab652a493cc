import assert from "node:assert/strict";
import { judge, type KnownLoss, losses, type OutOfScope } from "./compare.ts";
import { readKnownLosses } from "./known_losses.ts";
import { isGood, jsonReport, type ScenarioRow, textReport } from "./report.ts";
import type { Check } from "./suite.ts";

const PLACE = { revision: "2025-11-25", binding: "http", scenario: "calls" } as const;

function check(id: string, status: Check["status"], errorMessage?: string): Check {
  return { id, name: id, status, ...(errorMessage === undefined ? {} : { errorMessage }) };
}

function knownLoss(checks: Record<string, number>, cause = "missing"): KnownLoss {
  return { revision: "2025-11-25", bindings: ["http"], scenario: "calls", checks, cause };
}

const DIRECT = [check("a", "SUCCESS"), check("a", "SUCCESS"), check("b", "SUCCESS"), check("c", "SKIPPED")];

Deno.test("losses() counts every occurrence of a check that passes directly", () => {
  const tunnel = [check("a", "SUCCESS"), check("a", "FAILURE", "no stream"), check("b", "WARNING")];
  assert.deepEqual(losses(DIRECT, tunnel), [
    { check: "a", times: 1, instead: "FAILURE: no stream" },
    { check: "b", times: 1, instead: "WARNING" },
  ]);
});

Deno.test("losses() takes a check that has become information for lost", () => {
  assert.deepEqual(losses([check("a", "SUCCESS")], [check("a", "INFO")]), [
    { check: "a", times: 1, instead: "INFO" },
  ]);
});

Deno.test("losses() names the check with which a scenario broke off", () => {
  const tunnel = [check("start", "FAILURE", "refused")];
  assert.equal(losses(DIRECT, tunnel)[0]?.instead, "not reached; start: FAILURE: refused");
  assert.equal(losses(DIRECT, [])[0]?.instead, "not reported");
});

Deno.test("losses() finds none where the tunnel passes as much, or more", () => {
  assert.deepEqual(losses(DIRECT, [...DIRECT, check("d", "SUCCESS")]), []);
});

Deno.test("judge() sets known losses aside with their cause", () => {
  const judged = judge(PLACE, DIRECT, [check("a", "SUCCESS")], [knownLoss({ a: 1, b: 1 })], []);
  assert.deepEqual(judged.unexpected, []);
  assert.deepEqual(judged.known.map(({ check, times, cause }) => [check, times, cause]), [
    ["a", 1, "missing"],
    ["b", 1, "missing"],
  ]);
  assert.deepEqual([judged.direct, judged.asked, judged.kept], [3, 3, 1]);
});

Deno.test("judge() does not excuse more occurrences than are known", () => {
  const judged = judge(PLACE, DIRECT, [check("b", "SUCCESS")], [knownLoss({ a: 1 })], []);
  assert.deepEqual(judged.unexpected.map(({ check, times }) => [check, times]), [["a", 2]]);
  assert.deepEqual(judged.known, []);
  assert.deepEqual(judged.recovered, []);
});

Deno.test("judge() applies a known loss to its own revision, binding and scenario only", () => {
  const others: KnownLoss[] = [
    { ...knownLoss({ b: 1 }), revision: "2026-07-28" },
    { ...knownLoss({ b: 1 }), bindings: ["stdio"] },
    { ...knownLoss({ b: 1 }), scenario: "other" },
  ];
  const judged = judge(PLACE, DIRECT, DIRECT.slice(0, 2), others, []);
  assert.deepEqual(judged.unexpected.map(({ check }) => check), ["b"]);
});

Deno.test("judge() reports known losses that are none any more", () => {
  assert.deepEqual(judge(PLACE, DIRECT, DIRECT, [knownLoss({ a: 2, b: 1 })], []).recovered, ["a", "b"]);
  const half = judge(PLACE, DIRECT, DIRECT.slice(1), [knownLoss({ a: 2 })], []);
  assert.deepEqual(half.recovered, ["a"]);
  assert.deepEqual(half.known.map(({ times }) => times), [1]);
});

Deno.test("judge() does not ask a target for what is out of its scope", () => {
  const scope: OutOfScope[] = [{ ...knownLoss({ a: 2 }), reason: "no streams" }];
  const judged = judge(PLACE, DIRECT, [check("b", "SUCCESS")], [], scope);
  assert.deepEqual([judged.direct, judged.asked, judged.kept], [3, 1, 1]);
  assert.deepEqual(judged.unexpected, []);
  const kept = judge(PLACE, DIRECT, DIRECT, [], scope);
  assert.deepEqual([kept.asked, kept.kept, kept.unexpected], [1, 1, []]);
});

function row(tunnel: readonly Check[], known: readonly KnownLoss[], shortcomings: Check[] = []): ScenarioRow {
  const through = (binding: "http" | "stdio") => judge({ ...PLACE, binding }, DIRECT, tunnel, known, []);
  return {
    revision: PLACE.revision,
    scenario: PLACE.scenario,
    direct: 3,
    shortcomings,
    through: { http: through("http"), stdio: through("stdio") },
  };
}

Deno.test("isGood() is false for new losses, for recovered ones and for a target that fails itself", () => {
  const both: KnownLoss = { ...knownLoss({ b: 1 }), bindings: ["http", "stdio"] };
  assert.equal(isGood([row(DIRECT, [])]), true);
  assert.equal(isGood([row(DIRECT.slice(0, 2), [both])]), true);
  assert.equal(isGood([row(DIRECT.slice(0, 2), [knownLoss({ b: 1 })])]), false);
  assert.equal(isGood([row(DIRECT, [both])]), false);
  assert.equal(isGood([row(DIRECT, [], [check("z", "FAILURE")])]), false);
});

Deno.test("textReport() shows totals, causes and what is to be looked at", () => {
  const known = { causes: { missing: "not there yet" }, losses: [] };
  const text = textReport([row(DIRECT.slice(0, 2), [knownLoss({ b: 1 })])], known);
  assert.match(text, /total +3 +2 of 3 +2 of 3/);
  assert.match(text, /Known loss "missing": not there yet\n {2}2025-11-25 http · calls · b\n/);
  assert.match(text, /To be looked at:\n {2}2025-11-25 stdio · calls · b: lost · not reported/);
});

Deno.test("jsonReport() holds the verdict, the totals and every scenario", () => {
  const report = JSON.parse(jsonReport([row(DIRECT, [])], { causes: {}, losses: [] }));
  assert.equal(report.good, true);
  assert.deepEqual(report.total, {
    direct: 3,
    http: { asked: 3, kept: 3 },
    stdio: { asked: 3, kept: 3 },
  });
  assert.deepEqual(report.scenarios.map(({ scenario }: ScenarioRow) => scenario), ["calls"]);
});

Deno.test("known_losses.json can be read, and explains every cause it uses", async () => {
  const { causes, losses } = await readKnownLosses();
  assert.deepEqual(new Set(losses.map(({ cause }) => cause)), new Set(Object.keys(causes)));
});
