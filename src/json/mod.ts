/**
 * json: where does a value stand in a text? In: JSON text that `JSON.parse` has accepted. Out: positions in it, so
 * that payloads can be cut out and ids exchanged without ever being serialised again (P-64, P-193).
 */
export {
  arrayElements,
  findMember,
  objectMembers,
  oneLine,
  replaceSpan,
  scanObject,
  skipValue,
} from "./scan.ts";
export type { Span } from "./scan.ts";
