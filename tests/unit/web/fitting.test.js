import assert from "node:assert/strict";
import { test } from "node:test";
import { fitting, thisMachine } from "../../../python/tertulia/web/static/media/fitting.js";

const strong = { isPhone: false, cores: 8, memory: 8 };
const sfu = (people) => ({ people, isMesh: false });

test("what the person chose holds, whoever is there", () => {
  for (const quality of ["low", "standard", "high"]) {
    assert.equal(fitting(quality, sfu(30), { ...strong, cores: 1 }), quality);
  }
});

test("a strong machine films in 720p, a phone and a weak one do not", () => {
  assert.equal(fitting("auto", sfu(2), strong), "high");
  for (const weak of [{ isPhone: true }, { cores: 2 }, { memory: 2 }]) {
    assert.equal(fitting("auto", sfu(2), { ...strong, ...weak }), "standard");
  }
});

test("a crowd is filmed small, and the size does not change with everyone who comes and goes", () => {
  let now = "high";
  const sizes = [11, 12, 13, 12, 10, 9, 10].map((people) => {
    now = fitting("auto", sfu(people), strong, now);
    return now;
  });
  assert.deepEqual(sizes, ["high", "high", "standard", "standard", "standard", "high", "high"]);
});

test("where each other member gets an encoding of their own, two are the most", () => {
  assert.equal(fitting("auto", { people: 2, isMesh: true }, strong), "high");
  assert.equal(fitting("auto", { people: 3, isMesh: true }, strong), "standard");
});

test("what a browser does not tell of its machine is enough; phones are known by their name", () => {
  const read = (value) => {
    Object.defineProperty(globalThis, "navigator", { value, configurable: true });
    return thisMachine();
  };
  assert.equal(fitting("auto", sfu(2), read({})), "high");
  assert.equal(read({ userAgent: "Mozilla/5.0 (Android 14; Mobile; rv:140.0)" }).isPhone, true);
  assert.equal(read({ userAgent: "Android", userAgentData: { mobile: false } }).isPhone, false);
  assert.equal(read({ hardwareConcurrency: 2, deviceMemory: 1 }).cores, 2);
});
