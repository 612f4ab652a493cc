import { canonicalChannelName, HARPOON_CHANNEL, MAIN_CHANNEL } from "./channel_name.ts";
import { parseCommandLine } from "./command_line.ts";
import { checkHttpUrl } from "./http_url.ts";
import { InvalidValueError } from "./invalid_value.ts";
import { quote, quoteCommand, quoteUrl } from "./quote.ts";
import type { Binding, HttpBinding, StdioBinding } from "./run_config.ts";
import { nameOf, type SettingReader } from "./setting_reader.ts";
import type { Found } from "./sources.ts";

/** An entry that starts with one of these is taken apart; any other is a URL or command line as it stands (CFG-73). */
const QUALIFIED = /^(?:url|command|channel|unix-socket|http-proxy|client-cert|client-key)=/i;
/** Keys that the grammar of command entries forbids anywhere in the text (CFG-76, CH-17). */
const FOREIGN_KEY = /,(http-proxy|url|unix-socket|client-cert|client-key)=/i;

/**
 * Reads every binding: URL entries in order, then command entries (CFG-77).
 * @param mainServerUrl what `main` is bound to whatever the sources say
 */
export function readBindings(reader: SettingReader, mainServerUrl: string | undefined): readonly Binding[] {
  const bound: BoundEntry[] = [
    ...readEntries(reader, "mcp.server-url", parseUrlEntry),
    ...readEntries(reader, "mcp.command", parseCommandEntry),
  ];
  const kept = new Map<string, BoundEntry>();
  for (const entry of bound) {
    const { channel } = entry.binding;
    const other = kept.get(channel);
    if (other === undefined || ranksAbove(entry.found, other.found)) kept.set(channel, entry);
    else if (!ranksAbove(other.found, entry.found)) reader.report(...duplicate(entry, other));
  }
  const bindings = bound.filter((entry) => kept.get(entry.binding.channel) === entry).map((entry) =>
    entry.binding
  );
  if (mainServerUrl === undefined) return bindings;
  const main: HttpBinding = { channel: MAIN_CHANNEL, transport: "http-streamable", url: mainServerUrl };
  return [main, ...bindings.filter((binding) => binding.channel !== MAIN_CHANNEL)];
}

type BindingSetting = "mcp.server-url" | "mcp.command";

interface BoundEntry {
  readonly name: BindingSetting;
  readonly found: Found;
  readonly binding: Binding;
}

/** A flag's binding of a channel displaces a variable's: the two settings are separate, the channel is one (CFG-5). */
function ranksAbove(found: Found, other: Found): boolean {
  return found.source === "flag" && other.source === "env";
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
  parse: (entry: string) => Binding,
): BoundEntry[] {
  const found = reader.find(name);
  if (found === undefined) return [];
  return found.texts.flatMap((text, index) => {
    try {
      const binding = parse(text);
      if (binding.channel === HARPOON_CHANNEL) {
        reader.report(name, found, {
          code: "reserved_name",
          message: `channel ${quote(HARPOON_CHANNEL)} in ${
            nameOf(found)
          } is reserved for the built-in channel`,
          suggestion: "choose another name",
        });
        return [];
      }
      return [{ name, found, binding }];
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      const entry = found.texts.length > 1 ? `entry ${index + 1} of ${nameOf(found)}` : nameOf(found);
      const message = `invalid ${name} in ${entry}: ${error.problem}`;
      reader.report(name, found, { code: "invalid_value", message, suggestion: error.valid });
      return [];
    }
  });
}

const URL_FORM = "write a URL, or channel=NAME,url=URL";

/** One `mcp.server-url` entry (CFG-73, CFG-74). */
function parseUrlEntry(entry: string): HttpBinding {
  if (entry.trim() === "") throw new InvalidValueError("entry is empty", URL_FORM);
  if (!QUALIFIED.test(entry.trim())) return urlBinding(MAIN_CHANNEL, entry);
  const parts = new Map<string, string>();
  for (const part of entry.split(",").map((text) => text.trim()).filter((text) => text !== "")) {
    const equals = part.indexOf("=");
    if (equals === -1) {
      throw new InvalidValueError(
        "a part without = in the entry",
        `${URL_FORM}; a URL with a comma must stand alone, without channel= and url=`,
      );
    }
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (key === "" || value === "") {
      throw new InvalidValueError("an empty key or value in the entry", URL_FORM);
    }
    if (key !== "channel" && key !== "url") {
      throw new InvalidValueError(`unsupported key ${quote(key)}`, "use channel and url");
    }
    parts.set(key, value);
  }
  const url = parts.get("url");
  if (url === undefined) throw new InvalidValueError("missing url in the entry", URL_FORM);
  return urlBinding(parts.get("channel") ?? "", url);
}

function urlBinding(channel: string, url: string): HttpBinding {
  try {
    checkHttpUrl(url);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`${quoteUrl(url)}: ${error.problem}`, error.valid);
  }
  return { channel: channelOf(channel), transport: "http-streamable", url };
}

const COMMAND_FORM = "write a command line, or channel=NAME,command=COMMAND";

/** One `mcp.command` entry (CFG-73, CFG-76). */
function parseCommandEntry(entry: string): StdioBinding {
  const text = entry.trim();
  if (text === "") throw new InvalidValueError("entry is empty", COMMAND_FORM);
  if (!QUALIFIED.test(text)) return commandBinding(MAIN_CHANNEL, entry);
  let channel = "";
  let command = text;
  if (text.startsWith("channel=")) {
    const [, name, rest] = /^channel=([^,]*),\s*command=(.*)$/s.exec(text) ?? [];
    if (name === undefined || rest === undefined) {
      throw new InvalidValueError("channel= is not followed by command=", COMMAND_FORM);
    }
    channel = name;
    command = rest;
  } else if (text.startsWith("command=")) {
    command = text.slice("command=".length);
    const suffix = command.lastIndexOf(",channel=");
    if (suffix !== -1) {
      channel = command.slice(suffix + ",channel=".length);
      command = command.slice(0, suffix);
    }
  } else {
    const key = text.slice(0, text.indexOf("="));
    throw new InvalidValueError(`unsupported key ${quote(key)}`, COMMAND_FORM);
  }
  const foreignKey = FOREIGN_KEY.exec(command)?.[1];
  if (foreignKey !== undefined) {
    throw new InvalidValueError(
      `unsupported key ${quote(foreignKey)}`,
      "a command entry has only channel and command",
    );
  }
  return commandBinding(channelOf(channel), command.trim());
}

function commandBinding(channel: string, command: string): StdioBinding {
  try {
    return { channel, transport: "stdio", command, argv: parseCommandLine(command) };
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
