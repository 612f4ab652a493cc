/**
 * A program that turns the system's store on as main does, before the first TLS, and then asks from a Worker without
 * rights to files: straight, and over a socket. Arguments: origin, socket, file of other roots.
 */
import type { RouteRequest } from "./net_route_requests.ts";

Deno.env.set("DENO_TLS_CA_STORE", "system");
const [origin = "", unixSocket = "", otherRoots = ""] = Deno.args;
const caPem = await Deno.readTextFile(otherRoots);
const none = { kind: "none" } as const;
const requests: RouteRequest[] = [{}, { caPem }].flatMap((tls) => [
  { route: { proxy: none, tls }, url: origin },
  ...(unixSocket === "" ? [] : [{ route: { proxy: none, unixSocket, tls }, url: origin }]),
]);
const worker = new Worker(new URL("./net_route_requests.ts", import.meta.url), {
  type: "module",
  deno: {
    permissions: {
      net: true,
      read: [unixSocket || "/nowhere"],
      write: [unixSocket || "/nowhere"],
      env: false,
    },
  },
});
worker.onmessage = ({ data }) => {
  console.log(JSON.stringify(data));
  worker.terminate();
};
worker.postMessage(requests);
