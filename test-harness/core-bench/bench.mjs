// Times core-bench.wasm in Node, whose V8 is the engine that Envoy runs filters in. Prints one JSON object.
// Usage: node bench.mjs core-bench.wasm
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const wasm = instance.exports;

// The median of several rounds, in milliseconds; the first rounds, in which V8 still optimises, do not count.
function medianMs(rounds, work) {
  for (let warmUp = 0; warmUp < 3; warmUp += 1) work();
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    work();
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return times.sort((a, b) => a - b)[rounds >> 1];
}

const LOOKUPS = 1_000_000;
const result = {};
for (const hosts of [10, 100, 1000]) {
  result[`ring_build_ms_${hosts}`] = medianMs(9, () => wasm.ring_build(hosts));
  result[`maglev_build_ms_${hosts}`] = medianMs(9, () => wasm.maglev_build(hosts));
  wasm.prepare(hosts);
  result[`ring_lookup_ns_${hosts}`] = medianMs(9, () => wasm.ring_lookup(LOOKUPS)) * (1e6 / LOOKUPS);
  result[`maglev_lookup_ns_${hosts}`] = medianMs(9, () => wasm.maglev_lookup(LOOKUPS)) * (1e6 / LOOKUPS);
}
console.log(JSON.stringify(result));
