/** The object store's rules for moto_server's imitation of S3. */
import { motoCredentials, startMoto } from '../servers/moto.ts';
import { objectStoreConformance } from './object-store.ts';
import { s3Conformance } from './object-store-s3.ts';

objectStoreConformance('[A1] S3 store on moto_server', {
  ...s3Conformance({ start: startMoto, credentials: motoCredentials }),
  races: 6,
});
