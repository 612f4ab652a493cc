/** What a proxy's refusals mean. None of them is the target's status (PX-8). */
import { NetError } from "./net_error.ts";

/** 407: the proxy wants credentials, or others than it got. */
export function proxyWantsCredentials(
  proxy: { readonly peer: string; readonly authorization: string | undefined },
  { requestWritten }: { readonly requestWritten: boolean },
): NetError {
  const detail = proxy.authorization === undefined
    ? "proxy wants credentials (407)"
    : "proxy does not accept the credentials (407)";
  return new NetError("dial", detail, requestWritten, {
    reason: "proxy-auth",
    peer: proxy.peer,
    proxyStatus: 407,
  });
}

/** The proxy does not connect to the target, or could not. @param why its status, or words for its refusal */
export function proxyRefuses(peer: string, why: number | string): NetError {
  return new NetError("dial", `proxy refused to connect (${why})`, false, {
    reason: "proxy-refused",
    peer,
    proxyStatus: typeof why === "number" ? why : undefined,
  });
}

/** What answers is no proxy of this kind. */
export function proxyMisunderstood(peer: string, why: string): NetError {
  return new NetError("dial", `proxy answered what is not understood: ${why}`, false, {
    reason: "proxy-protocol",
    peer,
  });
}
