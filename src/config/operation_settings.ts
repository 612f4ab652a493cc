import { InvalidValueError } from "./invalid_value.ts";
import { parseListenAddress } from "./listen_address.ts";
import { parseLogLevel } from "./log_level.ts";
import { quote } from "./quote.ts";
import { lookUp, parseReference, readReferencedFile, type ReferenceSources } from "./references.ts";
import type { AdminUiConfig, CloudflaredConfig, HealthConfig, LogConfig } from "./run_config.ts";
import { nameOf, type SettingReader } from "./setting_reader.ts";
import { type SettingName, settingOf } from "./settings.ts";

/** CFG-90 … CFG-92. */
export function readLog(reader: SettingReader): LogConfig {
  const level = reader.parsed("log.level", parseLogLevel) ?? "info";
  const file = reader.text("log.file");
  const formatFound = reader.find("log.format");
  const word = readWord(reader, "log.format");
  const httpRawUnsafe = reader.boolean("log.http-raw-unsafe");
  if (word === "json" || word === "struct-text") return { level, format: word, file, httpRawUnsafe };
  if (file !== "") return { level, format: "struct-text", file, httpRawUnsafe };
  const levelFound = reader.find("log.level");
  if (level !== "info" && levelFound !== undefined && formatFound === undefined) {
    reader.report("log.level", levelFound, {
      code: "conflict",
      message: `log level requires a log format: ${nameOf(levelFound)} is ${
        quote(level)
      } and no format is set`,
      suggestion: "add --log.format struct-text or --log.format json (LOG_FORMAT)",
    });
  }
  return { level, format: "plain", file, httpRawUnsafe };
}

/** CFG-97, CFG-98. */
export function readHealth(reader: SettingReader): HealthConfig {
  const unixSocket = reader.text("health.unix-socket");
  const listenAddr = reader.text("health.listen-addr");
  // With a socket the address is ignored, a wrong one included (CFG-98).
  if (unixSocket === "") reader.parsed("health.listen-addr", parseListenAddress);
  const showDetails = reader.boolean("health.show-details");
  return { listenAddr, unixSocket, urlFile: reader.text("health.url-file"), showDetails };
}

/** Section 11.4. */
export function readAdminUi(reader: SettingReader): AdminUiConfig {
  const allowRemote = reader.boolean("allow-remote-ui");
  const openBrowser = reader.boolean("open-web-ui");
  const logBufferEvents = reader.integer("admin-ui.log-buffer-events");
  return { allowRemote, openBrowser, logBufferEvents };
}

/** Section 11.5. */
export function readCloudflared(reader: SettingReader, references: ReferenceSources): CloudflaredConfig {
  const token = readToken(reader, references);
  const managed = reader.boolean("cloudflared.managed");
  const path = reader.text("cloudflared.path");
  const readyTimeoutMs = reader.durationMs("cloudflared.ready-timeout");
  return { enabled: token !== "" || managed, managed, token, path, readyTimeoutMs };
}

/** The variable holds the token itself, flag and file a reference to it. No complaint shows a value. */
function readToken(reader: SettingReader, references: ReferenceSources): string {
  const name = "cloudflared.token";
  const found = reader.find(name);
  if (found === undefined) return "";
  try {
    const text = (found.texts[0] ?? "").trim();
    if (found.source === "env") {
      if (text === "") throw new InvalidValueError("it is set but empty", "unset it, or give it the token");
      return text;
    }
    return followToken(text, references);
  } catch (error) {
    reader.reportUnusable(name, found, "invalid_reference", error);
    return "";
  }
}

function followToken(text: string, { env, readTextFile }: ReferenceSources): string {
  const form = "write env:NAME or file:/path";
  const reference = parseReference(text);
  if (reference === undefined) {
    throw new InvalidValueError("a token must not stand there itself, only env: or file:", form);
  }
  const target = reference.target.trim();
  if (reference.kind === "env") {
    if (target === "") throw new InvalidValueError("missing variable name after env:", form);
    const value = lookUp(env, target);
    if (value === undefined) {
      throw new InvalidValueError(`environment variable ${target} is not set`, `set ${target}`);
    }
    if (value.trim() === "") {
      throw new InvalidValueError(`environment variable ${target} is empty`, `set ${target}`);
    }
    return value.trim();
  }
  if (target === "") throw new InvalidValueError("missing path after file:", form);
  const file = readReferencedFile(target, readTextFile);
  if ("failure" in file) {
    throw new InvalidValueError(`cannot read file ${quote(target)}: ${file.failure}`, "check the path");
  }
  const token = file.content.trim();
  if (token === "") throw new InvalidValueError(`file ${quote(target)} is empty`, "check the path");
  return token;
}

/** A word of a closed list in any letter case; empty when not set or wrong. */
export function readWord(reader: SettingReader, name: SettingName): string {
  const { choices = [], default: standard } = settingOf(name);
  const found = reader.find(name);
  if (found === undefined) return standard;
  const text = found.texts[0] ?? "";
  const word = text.toLowerCase();
  if (choices.includes(word)) return word;
  reader.report(name, found, {
    code: "invalid_value",
    message: `unsupported ${name.replace(".", " ")} ${quote(text)} (${nameOf(found)})`,
    suggestion: `use ${choices.join(" or ")}`,
  });
  return "";
}
