const MAX_CHARS = 128;

/**
 * What is shown of a text that a caller chose: records stay small, whatever is sent.
 * @returns the text itself, or its beginning with an ellipsis
 */
export function shownText(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS).toWellFormed()}…` : text;
}
