/** The nonce of this document, under which libraries may insert a style element. */

/** Empty in the development server, which has no policy. */
export function documentNonce(): string {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
  return nonce.startsWith('__') ? '' : nonce;
}
