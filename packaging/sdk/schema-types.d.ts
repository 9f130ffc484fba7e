/**
 * The types of schemas, for the declarations of the SDK's package: what TypeBox calls `Static`, so that the package needs no other.
 * Only what protocol/ uses. package.test.ts compares every type with TypeBox's own.
 */
export type Static<T> = T extends Schema<infer S> ? S : T extends { '~kind': keyof Plain } ? Plain[T['~kind']] : never;

/** What a schema is that was copied with another description. */
type Plain = { String: string; Number: number; Integer: number; Boolean: boolean };

export interface Schema<out S> {
  readonly '~static': S;
}

export type TSchema = Schema<unknown>;
export type TUnsafe<T> = Schema<T>;

type OptionalKeys<P> = { [K in keyof P]: P[K] extends Type.TOptional<unknown> ? K : never }[keyof P];
type Flat<T> = { [K in keyof T]: T[K] };

export declare namespace Type {
  interface TString extends Schema<string> {}
  interface TNumber extends Schema<number> {}
  interface TInteger extends Schema<number> {}
  interface TBoolean extends Schema<boolean> {}
  interface TNull extends Schema<null> {}
  interface TUnknown extends Schema<unknown> {}
  interface TLiteral<T> extends Schema<T> {}
  interface TUnsafe<T> extends Schema<T> {}
  interface TArray<T> extends Schema<Static<T>[]> {}
  interface TUnion<T extends unknown[]> extends Schema<Static<T[number]>> {}
  interface TIntersect<T extends unknown[]> extends Schema<All<T>> {}
  interface TRecord<_Pattern extends string, T> extends Schema<Record<string, Static<T>>> {}
  interface TOptional<out T> extends Schema<Static<T>> {
    readonly '~optional': true;
  }
  interface TObject<P>
    extends Schema<
      Flat<{ [K in Exclude<keyof P, OptionalKeys<P>>]: Static<P[K]> } & { [K in OptionalKeys<P>]?: Static<P[K]> }>
    > {}
}

type All<T extends unknown[]> = T extends [infer First, ...infer Rest extends unknown[]]
  ? Static<First> & All<Rest>
  : unknown;
