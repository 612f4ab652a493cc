import {
  type BindingEntry,
  checkField,
  FieldError,
  parseCommandEntry,
  parseUrlEntry,
  readFileEntry,
} from "./binding_entry.ts";
import { canonicalChannelName, HARPOON_CHANNEL, MAIN_CHANNEL } from "./channel_name.ts";
import { parseCommandLine } from "./command_line.ts";
import { type MapNode, nodeAt } from "./file_tree.ts";
import { checkHttpUrl } from "./http_url.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { hasPassword, warnLiteralSecret } from "./literal_secret.ts";
import { formatLocation } from "./location.ts";
import type { CertificatePaths, ProxyChoice } from "./network_config.ts";
import { resolvePath } from "./paths.ts";
import { ENVIRONMENT_PROXY, isLiteral, parseProxy } from "./proxies.ts";
import { quote, quoteCommand, quoteUrl } from "./quote.ts";
import { parseReference, type ReferenceSources } from "./references.ts";
import type { Binding, HttpBinding, StdioBinding } from "./run_config.ts";
import { entryNameOf, nameOf, type SettingReader } from "./setting_reader.ts";
import type { Found } from "./sources.ts";
import { type ChildSettings, NO_CHILD_SETTINGS, readChildSettings } from "./child_settings.ts";

/** A binding that does not know the defaults of its kind yet. */
export type BoundChannel = Omit<HttpBinding, "proxy"> & { readonly proxy?: ProxyChoice } | StdioBinding;

/** What HTTP bindings have when their entries do not say. */
export interface BindingDefaults {
  readonly proxy: ProxyChoice;
  readonly clientCertificate: CertificatePaths | undefined;
}

/**
 * Reads every binding: URL entries in order, then command entries (CFG-77).
 * @param mainServerUrl what `main` is bound to whatever the sources say
 */
export function readBindings(
  reader: SettingReader,
  references: ReferenceSources,
  mainServerUrl: string | undefined,
): readonly BoundChannel[] {
  const bound: BoundEntry[] = [
    ...readEntries(reader, "mcp.server-url", references, parseUrlEntry, bindUrl),
    ...readEntries(reader, "mcp.command", references, parseCommandEntry, bindCommand),
  ];
  const kept = new Map<string, BoundEntry>();
  for (const entry of bound) {
    const { channel } = entry.binding;
    const other = kept.get(channel);
    if (other === undefined || rankOf(entry) < rankOf(other)) kept.set(channel, entry);
    else if (rankOf(entry) === rankOf(other)) reader.report(...duplicate(entry, other));
  }
  const bindings = bound.filter((entry) => kept.get(entry.binding.channel) === entry).map((entry) =>
    entry.binding
  );
  if (mainServerUrl === undefined) return bindings;
  const main = {
    channel: MAIN_CHANNEL,
    transport: "http-streamable",
    url: mainServerUrl,
    proxy: ENVIRONMENT_PROXY,
  } as const;
  return [main, ...bindings.filter((binding) => binding.channel !== MAIN_CHANNEL)];
}

/** Gives HTTP bindings what their entries left open (CFG-57, CFG-59). A Unix socket rules proxies out. */
export function completeBindings(
  bindings: readonly BoundChannel[],
  { proxy, clientCertificate }: BindingDefaults,
): readonly Binding[] {
  return bindings.map((binding) => {
    if (binding.transport === "stdio") return binding;
    const inherited = binding.unixSocket === undefined ? proxy : ENVIRONMENT_PROXY;
    const certificate = binding.clientCertificate ?? clientCertificate;
    return {
      ...binding,
      proxy: binding.proxy ?? inherited,
      ...(certificate === undefined ? {} : { clientCertificate: certificate }),
    };
  });
}

type BindingSetting = "mcp.server-url" | "mcp.command";

interface BoundEntry {
  readonly name: BindingSetting;
  readonly found: Found;
  readonly binding: BoundChannel;
}

/** One entry on its way to a binding. */
interface EntryContext {
  readonly reader: SettingReader;
  readonly references: ReferenceSources;
  readonly entry: BindingEntry;
  /** The entry in the file, if it comes from one. */
  readonly node: MapNode | undefined;
  /** Name of the entry in the file. */
  readonly path: string;
}

const RANKS = { flag: 0, env: 1, yaml: 2 } as const;

/** The settings for URLs and commands are separate, a channel is one: the higher source wins it (CFG-5). */
function rankOf({ found }: BoundEntry): number {
  return RANKS[found.source];
}

function duplicate(entry: BoundEntry, other: BoundEntry): Parameters<SettingReader["report"]> {
  const { channel, transport } = other.binding;
  return [entry.name, entry.found, {
    code: "duplicate",
    message: `duplicate channel ${quote(channel)} in ${nameOf(entry.found)}: ` +
      `already bound to ${transport} by ${nameOf(other.found)}`,
    suggestion: "bind each channel once; name others with channel=NAME",
  }];
}

function readEntries(
  reader: SettingReader,
  name: BindingSetting,
  references: ReferenceSources,
  parse: (entry: string) => BindingEntry,
  bind: (context: EntryContext) => BoundChannel,
): BoundEntry[] {
  const found = reader.find(name);
  if (found === undefined) return [];
  const bound: BoundEntry[] = [];
  (found.entries ?? found.texts).forEach((item, index) => {
    const path = `${found.key}[${index}]`;
    const node = typeof item === "string" ? undefined : item;
    try {
      const entry = typeof item === "string" ? parse(item) : readFileEntry(item, path, references);
      // The schema has complained about an entry of a file that lacks what it is for.
      if (!entry.fields.has(name === "mcp.command" ? "command" : "url")) return;
      const binding = bind({ reader, references, entry, node, path });
      if (binding.channel === HARPOON_CHANNEL) {
        reader.report(name, found, {
          code: "reserved_name",
          message: `channel ${quote(HARPOON_CHANNEL)} in ${
            nameOf(found)
          } is reserved for the built-in channel`,
          suggestion: "choose another name",
        });
        return;
      }
      bound.push({ name, found, binding });
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      const field = error instanceof FieldError ? error.field.replaceAll("-", "_") : undefined;
      const at = node === undefined || field === undefined ? undefined : nodeAt(node, [field])?.at;
      const entry = at === undefined
        ? entryNameOf(found, index)
        : `${path}.${field} at ${formatLocation(at)}`;
      const message = `invalid ${name} in ${entry}: ${error.problem}`;
      reader.report(name, found, {
        code: "invalid_value",
        message,
        suggestion: error.valid,
        at: at ?? node?.at,
      });
    }
  });
  return bound;
}

/** CFG-74, CFG-75, CFG-78, CFG-80. */
function bindUrl({ reader, references, entry, node, path }: EntryContext): BoundChannel {
  const { fields, fieldsAt } = entry;
  const url = fields.get("url") ?? "";
  checkField("url", () => checkBindingUrl(url));
  const urlNode = nodeAt(node, ["url"]);
  if (urlNode?.kind === "text" && parseReference(urlNode.text.trim()) === undefined && hasPassword(url)) {
    warnLiteralSecret(reader, "mcp.server-url", `the password in ${path}.url`, urlNode.at);
  }
  const channel = checkField("channel", () => channelOf(fields.get("channel") ?? ""));
  const pathOf = (field: string) => {
    const text = fields.get(field);
    return text === undefined
      ? undefined
      : checkField(field, () => namingField(field, () => resolvePath(text, references)));
  };
  const unixSocket = pathOf("unix-socket");
  const proxyText = fields.get("http-proxy");
  if (unixSocket !== undefined && proxyText !== undefined) {
    throw new InvalidValueError(
      "unix-socket cannot be combined with http-proxy",
      "a socket is always dialled directly; remove one",
    );
  }
  const proxy = proxyText === undefined ? undefined : checkField(
    "http-proxy",
    () => namingField("http-proxy", () => parseProxy(proxyText, references, "mcp.server-url")),
  );
  const proxyAt = fieldsAt.get("http-proxy");
  if (
    proxyAt !== undefined && proxy?.kind === "explicit" && isLiteral(proxyText ?? "") &&
    hasPassword(proxy.url)
  ) {
    warnLiteralSecret(reader, "mcp.server-url", `the password in ${path}.http_proxy`, proxyAt);
  }
  const certPath = pathOf("client-cert");
  const keyPath = pathOf("client-key");
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new InvalidValueError(
      certPath === undefined
        ? "missing client-cert: client-key needs it"
        : "missing client-key: client-cert needs it",
      "set both or none",
    );
  }
  return {
    channel,
    transport: "http-streamable",
    url,
    ...(unixSocket === undefined ? {} : { unixSocket }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(certPath === undefined || keyPath === undefined ? {} : { clientCertificate: { certPath, keyPath } }),
  };
}

/** Puts the key before the complaint; in a flag or variable nothing else says which part is meant. */
function namingField<Result>(field: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`${field}: ${error.problem}`, error.valid);
  }
}

function checkBindingUrl(url: string): void {
  try {
    checkHttpUrl(url);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`${quoteUrl(url)}: ${error.problem}`, error.valid);
  }
}

/** CFG-76, CFG-79. */
function bindCommand({ reader, references, entry, node, path }: EntryContext): BoundChannel {
  const command = entry.fields.get("command") ?? "";
  const channel = checkField("channel", () => channelOf(entry.fields.get("channel") ?? ""));
  const argv = checkField("command", () => splitCommand(command));
  const child: ChildSettings = node === undefined
    ? NO_CHILD_SETTINGS
    : readChildSettings(reader, node, path, references);
  return { channel, transport: "stdio", command, argv, ...child };
}

function splitCommand(command: string): readonly string[] {
  try {
    return parseCommandLine(command);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    const shown = command.trim() === "" ? "" : `${quoteCommand(command)}: `;
    throw new InvalidValueError(`${shown}${error.problem}`, error.valid);
  }
}

function channelOf(text: string): string {
  try {
    return canonicalChannelName(text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`${quote(text)} is ${error.problem}`, error.valid);
  }
}
