DROP TABLE pairing_consents;
