/** A relay in a process of its own: prints its URL, serves until its standard input ends. */
import { createRelay } from "../../src/relay/mod.ts";
import { KEY, recordingLog, TUNNEL } from "./relay_harness.ts";

const relay = createRelay({ tunnels: [{ id: TUNNEL, apiKeys: [KEY] }] }, recordingLog([]));
const address = await relay.listen({ hostname: "127.0.0.1", port: 0 });
if (address.transport === "tcp") console.log(address.url);
for await (const _ of Deno.stdin.readable) { /* until the parent closes it */ }
await relay.stop();
