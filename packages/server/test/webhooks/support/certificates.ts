import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** What `openssl ca` wants to be told; certificates of any dates cannot be made without it. */
const AUTHORITY = `[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = issued
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
`;

/** Certificates for endpoints on this machine, made in a directory. */
export function makeCertificates(directory: string): {
  /** The file of who vouches for all but `strange`. */
  readonly authority: string;
  readonly good: Certificate;
  readonly strange: Certificate;
  readonly ended: Certificate;
  readonly another: Certificate;
} {
  const at = (file: string): string => join(directory, file);
  const openssl = (command: string): void => {
    execFileSync("openssl", command.split(" "), { cwd: directory, stdio: "ignore" });
  };
  const read = (name: string): Certificate => ({
    key: readFileSync(at(`${name}.key`), "utf8"),
    cert: readFileSync(at(`${name}.pem`), "utf8"),
  });
  const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  const itself = (name: string, subject: string): void =>
    openssl(
      `req -x509 ${newKey} -days 2 -subj /CN=${subject} -addext subjectAltName=DNS:${subject} -keyout ${name}.key -out ${name}.pem`,
    );
  const issue = (name: string, host: string, days: string): Certificate => {
    openssl(
      `req ${newKey} -subj /CN=${host} -addext subjectAltName=DNS:${host} -keyout ${name}.key -out ${name}.csr`,
    );
    openssl(
      `ca -batch -config ca.cnf -cert authority.pem -keyfile authority.key ${days} -in ${name}.csr -out ${name}.pem -notext`,
    );
    return read(name);
  };

  writeFileSync(at("ca.cnf"), AUTHORITY);
  writeFileSync(at("index.txt"), "");
  mkdirSync(at("issued"));
  itself("authority", "authority");
  itself("strange", "localhost");
  return {
    authority: at("authority.pem"),
    good: issue("good", "localhost", "-days 2"),
    strange: read("strange"),
    ended: issue("ended", "localhost", "-startdate 20200101000000Z -enddate 20200201000000Z"),
    another: issue("another", "another.example", "-days 2"),
  };
}
