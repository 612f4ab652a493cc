const MAX_QUOTED_LENGTH = 80;
/** Shape of the keys that people most often paste into the wrong place (CFG-137e). */
const API_KEY_SHAPE = /sk-[A-Za-z0-9_-]{4,}/g;

/**
 * A value as it may be shown in an error: in quotes, on one line, not too long, API keys in the wrong place masked (CFG-112).
 */
export function quote(text: string): string {
  const masked = text.replace(API_KEY_SHAPE, "sk-…");
  return JSON.stringify(
    masked.length > MAX_QUOTED_LENGTH ? `${masked.slice(0, MAX_QUOTED_LENGTH)}…` : masked,
  );
}

/**
 * A URL, or what was meant to be one, as it may be shown: scheme and host; user info, path, query and fragment never (CFG-96).
 */
export function quoteUrl(text: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  const authority = /^[^/?#\\]*/.exec(rest)?.[0] ?? "";
  // An @ further on may end a password that holds a slash; then even the "host" is not safe to show.
  if (rest.indexOf("@", authority.length) !== -1) return quote(`${scheme}…`);
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  return quote(scheme + host + (authority.length < rest.length ? "/…" : ""));
}

/** A command line as it may be shown: its first word; arguments often hold tokens. */
export function quoteCommand(text: string): string {
  const word = /\S+/.exec(text)?.[0] ?? "";
  const shown = word.replace(/=.*/s, "=…");
  return quote(shown.length < text.trim().length ? `${shown} …` : shown);
}

/** A key of a file as it may be shown: on one line, not too long, API keys in the wrong place masked. */
export function showKey(key: string): string {
  const shown = quote(key).slice(1, -1);
  return shown === "" ? '""' : shown;
}
