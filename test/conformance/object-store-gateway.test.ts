/** The object store's rules for a real S3 server. */
import { gatewayAbsent, gatewayCredentials, startGateway } from '../servers/s3-gateway.ts';
import { objectStoreConformance } from './object-store.ts';
import { s3Conformance } from './object-store-s3.ts';

objectStoreConformance('[A1] S3 store on versitygw', {
  ...s3Conformance({ start: startGateway, credentials: gatewayCredentials }),
  races: 20,
  skip: gatewayAbsent(),
});
