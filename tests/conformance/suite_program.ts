/**
 * Runs the conformance suite with the arguments of this process. Started by its own name (`deno run npm:…`), Deno 2.9
 * hangs for ever in express, one of its dependencies, whenever Deno's cache of module analyses is cold, as it is on a
 * new machine or after another version of Deno has run. It does not when express has been loaded before.
 */
import { SUITE } from "./suite_version.ts";

await import("@modelcontextprotocol/sdk/server/express.js");
await import(`${SUITE}/dist/index.js`);
