/**
 * Variables that are looked up in one place and then in another. Not a copy: an environment of which only some names may
 * be asked for cannot be listed.
 */
export function layered(
  first: Readonly<Record<string, string>>,
  then: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const layerOf = (name: string | symbol) => Object.hasOwn(first, name) ? first : then;
  return new Proxy({}, {
    get: (_, name) => Reflect.get(layerOf(name), name),
    has: (_, name) => Object.hasOwn(layerOf(name), name),
    getOwnPropertyDescriptor(_, name) {
      const found = Object.getOwnPropertyDescriptor(layerOf(name), name);
      return found === undefined ? undefined : { ...found, configurable: true };
    },
  });
}
