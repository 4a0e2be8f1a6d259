use anyhow::{Context, Result};
use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// A key that signs tokens.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key for an algorithm: RS256, ES256 or EdDSA.
    ///
    /// # Errors
    /// Another algorithm.
    pub fn new(alg: &str, kid: &str) -> Result<SigningKey> {
        let pair = match alg {
            "RS256" => Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048)?)),
            "ES256" => Pair::P256(Box::new(EcdsaKeyPair::generate(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
            )?)),
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate()?),
            _ => anyhow::bail!("no key for {alg}"),
        };
        Ok(SigningKey {
            kid: kid.to_owned(),
            pair,
        })
    }

    /// The algorithm it signs with.
    pub fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key, with `kid` and without the optional members.
    ///
    /// # Errors
    /// The library fails.
    pub fn jwk(&self) -> Result<Value> {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
            }
            Pair::P256(pair) => {
                let point: EcPublicKeyUncompressedBin<'_> = pair.public_key().as_be_bytes()?;
                let (x, y) = point.as_ref().get(1..65).context("a P-256 point")?.split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        Ok(jwk)
    }

    /// A token with the header `{"alg", "kid"}` and these further members.
    ///
    /// # Errors
    /// The library fails.
    pub fn token(&self, header: &Value, claims: &Value) -> Result<String> {
        let mut members = Map::new();
        members.insert("alg".to_owned(), json!(self.alg()));
        members.insert("kid".to_owned(), json!(self.kid));
        members.extend(header.as_object().cloned().unwrap_or_default());
        let input = format!(
            "{}.{}",
            encode(Value::Object(members).to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        Ok(format!("{input}.{}", encode(&self.sign(input.as_bytes())?)))
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)?;
                signature
            }
            Pair::P256(pair) => pair.sign(&random, input)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(input).as_ref().to_vec(),
        })
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
