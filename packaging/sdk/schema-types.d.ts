/**
 * The types of schemas, for the declarations of the SDK's package: what TypeBox calls `Static`, so that the package needs no other.
 * Only what protocol/ uses. test.ts compares every type with TypeBox's own.
 */
export type Static<T> = T extends Schema<infer S> ? S : never;

export interface Schema<out S> {
  readonly '~static': S;
}

export type TSchema = Schema<unknown>;
export type TUnsafe<T> = Schema<T>;

type OptionalKeys<P> = { [K in keyof P]: P[K] extends Type.TOptional<TSchema> ? K : never }[keyof P];
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
  interface TArray<T extends TSchema> extends Schema<Static<T>[]> {}
  interface TUnion<T extends TSchema[]> extends Schema<Static<T[number]>> {}
  interface TIntersect<T extends TSchema[]> extends Schema<All<T>> {}
  interface TRecord<_Pattern extends string, T extends TSchema> extends Schema<Record<string, Static<T>>> {}
  interface TOptional<out T extends TSchema> extends Schema<Static<T>> {
    readonly '~optional': true;
  }
  interface TObject<P>
    extends Schema<
      Flat<{ [K in Exclude<keyof P, OptionalKeys<P>>]: Static<P[K]> } & { [K in OptionalKeys<P>]?: Static<P[K]> }>
    > {}
}

type All<T extends TSchema[]> = T extends [infer First, ...infer Rest extends TSchema[]]
  ? Static<First> & All<Rest>
  : unknown;
