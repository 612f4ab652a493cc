import { type Binding, shownArguments, shownUrl } from "../config/mod.ts";

/** A binding's target as it may be shown: a URL without user info and query, a command without its secrets. */
export function shownTarget(binding: Binding): string {
  return binding.transport === "stdio"
    ? shownArguments([...binding.wrapper, ...binding.argv]).join(" ")
    : shownUrl(binding.url);
}
