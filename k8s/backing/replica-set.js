// Makes the one member a replica set; one that is made already stays as it is.
const password = require("fs").readFileSync("/run/secrets/mongo/password", "utf8").trim();
const address = "mongo.parley-backing:27017";
const admin = connect(`mongodb://root:${encodeURIComponent(password)}@${address}/admin?directConnection=true`);
try {
  admin.runCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  admin.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: address }] } });
}
