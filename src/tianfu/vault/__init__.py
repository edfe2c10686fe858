"""Keys, sealed fields, blind indexes and signatures (SM2, SM3, SM4; AES by setting); knows no database."""
