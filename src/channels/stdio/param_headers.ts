import type { ChannelCall } from "../channel.ts";
import { decodeMirrored, headerOf } from "./request_headers.ts";
import { memberAt } from "./wire_text.ts";

/** Most tools whose declarations are remembered; a server with more is asked for the rest when they are listed again. */
const MAX_TOOLS = 4096;
/** Deeper than this no schema is searched. */
const MAX_DEPTH = 16;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

/** One argument of a tool that a header repeats. */
interface Declaration {
  /** Lower-case name of the header. */
  readonly header: string;
  readonly path: readonly string[];
}

/**
 * Which arguments of which tools are to be repeated in `Mcp-Param-*` headers. That stands in the tools' schemas, so it
 * is learned from the lists of tools that pass by; a tool that nobody has listed has none.
 */
export class ParamHeaders {
  readonly #byTool = new Map<string, readonly Declaration[]>();

  /** False while no tool declares any. */
  get known(): boolean {
    return this.#byTool.size > 0;
  }

  /**
   * Learns from the result of a `tools/list`.
   * @param result as parsed
   * @param page which part of the list was asked for
   */
  learn(result: unknown, page: "first" | "later"): void {
    const tools = memberAt(result, ["tools"]);
    if (!Array.isArray(tools)) return;
    if (page === "first" && memberAt(result, ["nextCursor"]) === undefined) this.#byTool.clear();
    for (const tool of tools) {
      const name = memberAt(tool, ["name"]);
      if (typeof name !== "string") continue;
      const declarations = [...declarationsOf(memberAt(tool, ["inputSchema"]), [])];
      if (declarations.length === 0) this.#byTool.delete(name);
      else if (this.#byTool.size < MAX_TOOLS || this.#byTool.has(name)) this.#byTool.set(name, declarations);
    }
  }

  /**
   * Compares the headers of a `tools/call` with its arguments.
   * @returns what is wrong; undefined when nothing is
   */
  faultOf(call: ChannelCall): string | undefined {
    const tool = memberAt(call.message, ["params", "name"]);
    const declarations = typeof tool === "string" ? this.#byTool.get(tool) : undefined;
    for (const { header, path } of declarations ?? []) {
      const value = memberAt(call.message, ["params", "arguments", ...path]);
      const text = textOf(value);
      if (text === undefined) continue;
      const given = headerOf(call.headers, header);
      if (given === undefined) {
        if (call.headersComplete !== true) continue;
        return `the ${header} header is missing`;
      }
      const decoded = decodeMirrored(given);
      if (decoded === undefined) return `the ${header} header is malformed`;
      const isEqual = typeof value === "number" && DECIMAL.test(decoded)
        ? Number(decoded) === value
        : decoded === text;
      if (!isEqual) return `the ${header} header does not match the body`;
    }
    return undefined;
  }
}

/** Declarations count only where `properties` alone lead to them. */
function* declarationsOf(schema: unknown, path: readonly string[]): Generator<Declaration> {
  const properties = memberAt(schema, ["properties"]);
  if (typeof properties !== "object" || properties === null || path.length >= MAX_DEPTH) return;
  for (const [name, property] of Object.entries(properties)) {
    const inner = [...path, name];
    const header = memberAt(property, ["x-mcp-header"]);
    if (typeof header === "string" && header !== "") {
      yield { header: `mcp-param-${header.toLowerCase()}`, path: inner };
    }
    yield* declarationsOf(property, inner);
  }
}

/** The value as a header would hold it; undefined for what no header repeats. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}
